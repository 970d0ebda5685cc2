# A naru loop under other people's; without their headers these tests are left out.
if(TARGET PkgConfig::UV)
  naru_unit_test(wire.adapter_uv WET SOURCES adapter_uv_test.c LIBS PkgConfig::UV Threads::Threads LABELS wet)
endif()
if(TARGET PkgConfig::EVENT)
  naru_unit_test(wire.adapter_event WET SOURCES adapter_event_test.c LIBS PkgConfig::EVENT Threads::Threads LABELS wet)
endif()
