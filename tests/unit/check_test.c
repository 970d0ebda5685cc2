/* check.h itself: that a check which should fail does, and one which should pass does not. */
#include "unit/check.h"

/* How many failures `run` counts; its complaints on stderr are part of this test and say so. */
static int failures_of(void (*run)(void))
{
    int before = check__failures;
    fprintf(stderr, "(expected complaint) ");
    run();
    int counted = check__failures - before;
    check__failures = before;
    return counted;
}

static void wrong_condition(void)
{
    CHECK(1 > 2);
}

static void wrong_number(void)
{
    CHECK_EQ(-1, UINT64_MAX);
}

static void wrong_string(void)
{
    CHECK_STR("a", NULL);
}

static void wrong_span(void)
{
    CHECK_SPAN(((naru_span){(const uint8_t *)"ab\0c", 4}), "ab\0d");
}

static void leaves_early(void)
{
    REQUIRE(false);
    CHECK(false);
}

TEST(failures_are_counted)
{
    CHECK_EQ(failures_of(wrong_condition), 1);
    CHECK_EQ(failures_of(wrong_number), 1);
    CHECK_EQ(failures_of(wrong_string), 1);
    CHECK_EQ(failures_of(wrong_span), 1);
    CHECK_EQ(failures_of(leaves_early), 1);
}

TEST(what_is_equal_passes)
{
    CHECK(2 > 1);
    CHECK_EQ((size_t)7, 7);
    CHECK_EQ(-7L, (short)-7);
    CHECK_EQ(NARU_OK, 0);
    CHECK_STR("a", "a");
    CHECK_STR(NULL, NULL);
    CHECK_SPAN(((naru_span){(const uint8_t *)"ab\0c", 4}), "ab\0c");
    CHECK_SPAN(((naru_span){NULL, 0}), "");
}

/* The exit status is what ctest sees: no test run is a failure, and so is a failing test. */
TEST(the_exit_status_tells)
{
    const check_test good[] = {{"good", what_is_equal_passes}};
    const check_test bad[] = {{"bad", wrong_condition}};
    char program[] = "check";
    char nobody[] = "nobody";
    char *all[] = {program, NULL};
    char *named[] = {program, nobody, NULL};
    CHECK_EQ(check__main(good, 1, 1, all), 0);
    CHECK_EQ(check__main(good, 1, 2, named), 1);
    int failed = check__main(bad, 1, 1, all);
    check__failures = 0;
    CHECK_EQ(failed, 1);
}

TEST_MAIN({"failures are counted", failures_are_counted}, {"what is equal passes", what_is_equal_passes},
          {"the exit status tells", the_exit_status_tells})
