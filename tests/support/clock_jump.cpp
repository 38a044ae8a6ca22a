// Preloaded into a program: its calendar clock is ten years ahead for a fifth of a second, then ten years behind, and so on.
// The steady clock goes on as it should.

#include <dlfcn.h>
#include <sys/time.h>

#include <ctime>

namespace {

using ClockGettime = int (*)(clockid_t, timespec*);

ClockGettime real() {
    static const auto function = reinterpret_cast<ClockGettime>(::dlsym(RTLD_NEXT, "clock_gettime"));
    return function;
}

timespec jumping_time() {
    timespec steady{}, now{};
    real()(CLOCK_MONOTONIC, &steady);
    real()(CLOCK_REALTIME, &now);
    const bool ahead = steady.tv_nsec / 200'000'000 % 2 == 0;
    constexpr time_t ten_years = time_t{3652} * 24 * 3600;
    now.tv_sec += ahead ? ten_years : -ten_years;
    return now;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* result) noexcept {
    if (clock != CLOCK_REALTIME) return real()(clock, result);
    *result = jumping_time();
    return 0;
}

int gettimeofday(timeval* result, void*) noexcept {
    const timespec now = jumping_time();
    *result = {now.tv_sec, now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t* result) noexcept {
    const time_t now = jumping_time().tv_sec;
    if (result != nullptr) *result = now;
    return now;
}

}  // extern "C"
