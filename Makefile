# The face of the build; the build itself is CMake's (CMakeLists.txt, CMakePresets.json).
# What each target does is said by `make help`.

JOBS ?= $(shell nproc)
TEST_JOBS ?= 2
TESTS ?= .
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 600
TEST_PRESETS := release clang asan tsan fuzz
CTEST_PRESETS := release asan tsan fuzz

.PHONY: help
help:
	@echo 'make run      install what is missing, build, and start a chat: open the URL that it prints'
	@echo 'make test     install what is missing, build $(words $(TEST_PRESETS)) times and run every test;'
	@echo '              TESTS=regex runs those whose names match, such as TESTS=asan.ws'
	@echo 'make bench    build, and measure beside bare servers and other libraries (some minutes)'
	@echo 'make install  build, and install the library, its headers and naru under PREFIX=$(PREFIX), DESTDIR respected'
	@echo 'make deb      the Debian packages libnaru0, libnaru-dev and naru, into build/deb/'
	@echo 'make test-deb builds them, installs them into an empty root, uses and removes them'
	@echo 'make lint     clang-tidy and cppcheck'
	@echo 'make format   clang-format, in place'
	@echo 'make fuzz     the fuzz targets for FUZZ_SECONDS=$(FUZZ_SECONDS) each; FUZZ=regex chooses'
	@echo 'make soak     the long tests that make test leaves out: hours in small'
	@echo 'make faults   sieges: rude peers, failing system calls, hand-overs and reloads under load, many times'
	@echo 'make abi      the library beside that of the last tag, or of BASE=commit: what would programs notice?'
	@echo 'make valgrind the unit and wire tests under memcheck; TESTS=regex chooses'
	@echo 'make deps     install what make test needs'
	@echo 'make clean    remove build/'

# Without the tests, which would need more to be installed; `make test` brings them back into the same directory.
.PHONY: run
run:
	@tools/deps run
	@cmake --preset release -Wno-dev -DNARU_TESTS=OFF >/dev/null
	@cmake --build build/release -j $(JOBS)
	@exec build/release/apps/naru/naru serve

.PHONY: deps
deps:
	@tools/deps run test

# One build directory a preset; cmake itself knows what is out of date.
build-%:
	@cmake --preset $* -Wno-dev >/dev/null
	@cmake --build build/$* -j $(JOBS)

# One ctest over all build directories, so that there is one summary.
.PHONY: test
test: deps
	@for preset in $(TEST_PRESETS); do $(MAKE) --no-print-directory build-$$preset || exit 1; done
	@mkdir -p build/all
	@printf 'subdirs(../%s)\n' $(CTEST_PRESETS) > build/all/CTestTestfile.cmake
	@cd build/all && ctest -j $(TEST_JOBS) --output-on-failure --timeout 120 --no-tests=error -R '$(TESTS)'

# What takes too long for every day: a message of 10 GiB each way, minutes of even load.
.PHONY: soak
soak: build-release
	@cd build/release && ctest -C soak -L soak --verbose --no-tests=error

# In `make test` each of them is run once; here so often that what is lost each time would be seen.
.PHONY: faults
faults: build-release
	@cd build/release && ctest -C faults -L faults --output-on-failure --no-tests=error

# BASE=commit chooses what it stands beside, instead of the last tag.
.PHONY: abi
abi:
	@tools/abi $(BASE)

# A build directory of its own, for memcheck knows neither sanitizers nor the machine's newest vectors.
.PHONY: valgrind
valgrind: build-debug
	@tools/valgrind build/debug '$(TESTS)'

# A build directory of its own: the seconds stay what they are in `make test`.
FUZZ ?= .
.PHONY: fuzz
fuzz: deps
	@cmake --preset fuzz -B build/fuzz-long -Wno-dev -DNARU_FUZZ_SECONDS=$(FUZZ_SECONDS) >/dev/null
	@cmake --build build/fuzz-long -j $(JOBS)
	@cd build/fuzz-long && ctest -j $(TEST_JOBS) --output-on-failure --no-tests=error -R '$(FUZZ)'

.PHONY: bench
bench:
	@tools/deps run test bench
	@$(MAKE) --no-print-directory build-release
	@bench/peers $(CURDIR)/build/release/bench/peer
	@bench/run

.PHONY: install
install:
	@tools/deps run
	@cmake -S . -B build/install -G Ninja --log-level=WARNING -DCMAKE_BUILD_TYPE=RelWithDebInfo -DNARU_TESTS=OFF \
		-DCMAKE_INSTALL_PREFIX=$(PREFIX)
	@cmake --build build/install -j $(JOBS)
	@cmake --install build/install
	@test -n '$(DESTDIR)' || test "$$(id -u)" -ne 0 || ldconfig

.PHONY: deb
deb:
	@tools/deps run deb
	@packaging/build-deb

# Not part of `make test`: it builds all of naru once more.
.PHONY: test-deb
test-deb:
	@tools/deps run deb
	@tests/packaging/deb_test.sh

.PHONY: lint
lint: deps
	@cmake --preset asan -Wno-dev >/dev/null
	@tools/lint

# The public headers are laid out by hand: they are read as pages, and clang-format cannot set their tables.
.PHONY: format
format: deps
	@find $(wildcard src apps examples tests fuzz bench) -name node_modules -prune -o -name '*.[ch]' -print0 \
		| xargs -0 clang-format -i

.PHONY: clean
clean:
	rm -rf build
