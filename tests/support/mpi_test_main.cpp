// main() of every test under mpirun: mpirun -np N <program> --expect-ranks=N [gtest flags].
// An exception that leaves a test ends the whole job at once: the other ranks may wait for a collective that never comes.

#include <gtest/gtest.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <string>

#include "comm/make_communicator.hpp"
#include "comm/mpi_session.hpp"
#include "support/world.hpp"

namespace vox::test {
namespace {

comm::World* the_world = nullptr;
comm::Communicator* the_communicator = nullptr;

/// Prints what fails, with the rank in front: for all ranks but the first, which prints everything.
class FailurePrinter : public testing::EmptyTestEventListener {
public:
    explicit FailurePrinter(int rank) : rank_(rank) {}
    // Remembered here: while it reports a result, GoogleTest must not be asked for the test.
    void OnTestStart(const testing::TestInfo& test) override {
        test_ = std::string(test.test_suite_name()) + "." + test.name();
    }
    void OnTestPartResult(const testing::TestPartResult& result) override {
        if (!result.failed()) return;
        std::cerr << "[rank " << rank_ << "] " << test_ << ": " << (result.file_name() ? result.file_name() : "?")
                  << ':' << result.line_number() << ": " << result.message() << '\n';
    }

private:
    int rank_;
    std::string test_ = "(no test)";
};

int taken_expected_ranks(int& argc, char** argv) {
    const std::string flag = "--expect-ranks=";
    int expected = 0;
    int kept = 1;
    for (int i = 1; i < argc; ++i) {
        if (std::string(argv[i]).starts_with(flag)) {
            expected = std::atoi(argv[i] + flag.size());
        } else {
            argv[kept++] = argv[i];
        }
    }
    argc = kept;
    return expected;
}

void quieten(int rank) {
    if (rank == 0) return;
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new FailurePrinter(rank));
    GTEST_FLAG_SET(output, "");  // one report file, rank 0's
}

/// The code that all ranks leave with: the worst of all, and 77 (skipped) only where every rank skipped everything.
int agreed_code(comm::World& control, int own_failures) {
    const auto& all = *testing::UnitTest::GetInstance();
    const bool skipped = all.test_to_run_count() > 0 && all.skipped_test_count() == all.test_to_run_count();
    const int worst = static_cast<int>(control.max(own_failures == 0 ? 0 : 1));
    const bool all_skipped = control.all_ok(skipped);
    return worst != 0 ? worst : all_skipped ? 77 : 0;
}

int run(int argc, char** argv) {
    const int expected = taken_expected_ranks(argc, argv);
    comm::MpiSession session(argc, argv);
    testing::InitGoogleTest(&argc, argv);
    GTEST_FLAG_SET(catch_exceptions, false);
    // The agreement at the end has a world of its own, so that no test can bring it out of step.
    const auto control = session.make_world(kTimeLimitS);
    const auto world = session.make_world(kTimeLimitS);
    if (world->size() != expected) {
        if (world->is_root()) {
            std::cerr << "expected " << expected << " ranks, the world has " << world->size()
                      << ": start with mpirun -np N <test> --expect-ranks=N\n";
        }
        return 1;
    }
    quieten(world->rank());
    const auto communicator = comm::make_mpi_communicator(*world, at::kCPU, kTimeLimitS);
    the_world = world.get();
    the_communicator = communicator.get();
    return agreed_code(*control, RUN_ALL_TESTS());
}

}  // namespace

comm::World& world() { return *the_world; }
comm::Communicator& communicator() { return *the_communicator; }

}  // namespace vox::test

int main(int argc, char** argv) {
    try {
        return vox::test::run(argc, argv);
    } catch (const std::exception& error) {
        const auto* test = testing::UnitTest::GetInstance()->current_test_info();
        std::cerr << (test ? std::string(test->test_suite_name()) + "." + test->name() : "outside of tests")
                  << ": left by an exception, which ends the job: " << error.what() << std::endl;
    }
    vox::comm::MpiSession::abort(1);
}
