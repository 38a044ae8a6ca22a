#include "core/error.hpp"

#include <gtest/gtest.h>

namespace vox::core {
namespace {

TEST(Error, CarriesItsExitCodeAndTheLineThatThrewIt) {
    unsigned line = 0;
    try {
        line = __LINE__ + 1;
        throw DataError("file x: truncated");
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ExitCode::bad_data);
        EXPECT_EQ(place(error.where()), "error_test.cpp:" + std::to_string(line));
        EXPECT_STREQ(error.what(), "file x: truncated");
    }
}

TEST(Error, CheckThrowsInternalErrorOnlyWhenBroken) {
    EXPECT_NO_THROW(check(true, "fine"));
    EXPECT_THROW(check(false, "broken"), InternalError);
}

}  // namespace
}  // namespace vox::core
