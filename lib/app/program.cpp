#include "app/program.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <optional>
#include <set>
#include <sstream>

#include "app/version.hpp"
#include "comm/mpi_session.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "train/memory.hpp"

namespace vox::app {
namespace {

namespace options = boost::program_options;
using core::ExitCode;

/// How long ranks that leave wait for each other before they take the others for lost.
constexpr double kLeaveSeconds = 5.0;

/// How one rank's part of the program ended.
struct Outcome {
    ExitCode code = ExitCode::done;
    std::string message;  // empty where it ended well
};

Outcome from_current_exception() {
    try {
        throw;
    } catch (const core::InternalError& error) {
        return {error.code(), core::concat("internal error at ", core::place(error.where()), ": ", error.what(),
                                           "  This is a bug of the program: please report it.")};
    } catch (const core::Error& error) {
        return {error.code(), core::concat(error.what(), "  [", core::place(error.where()), "]")};
    } catch (const std::exception& error) {
        if (train::is_out_of_memory(error)) {  // of reading threads, say; a step has words of its own
            const std::string what = error.what();
            return {ExitCode::internal,
                    core::concat("out of memory: use smaller crops (data.crop_size), a smaller batch, or a smaller "
                                 "data.cache_mb.  ",
                                 what.substr(0, what.find('\n')))};
        }
        return {ExitCode::internal, core::concat("internal error: ", error.what())};
    }
}

/// Every rank's outcome as one: rank 0 prints each message once.  Throws PeerError where a rank does not answer.
ExitCode agree(comm::World& leaving, const Outcome& own) {
    const auto all = leaving.gather(core::concat(static_cast<int>(own.code), ' ', leaving.host(), ' ', own.message));
    ExitCode code = ExitCode::done;
    std::set<std::string> printed;
    for (const bool peers : {false, true}) {  // a peer's complaint says less than the error it complains about
        for (size_t rank = 0; rank < all.size(); ++rank) {
            std::istringstream parts(all[rank]);
            int value = 0;
            std::string host, message;
            parts >> value >> host;
            std::getline(parts >> std::ws, message, '\0');
            const auto theirs = static_cast<ExitCode>(value);
            if ((theirs == ExitCode::peer_failed) != peers || theirs == ExitCode::done) continue;
            if (code == ExitCode::done) code = theirs;
            if (peers && code != ExitCode::peer_failed) continue;
            if (message.empty() || !printed.insert(message).second || !leaving.is_root()) continue;
            const std::string who = all.size() > 1 ? core::concat("rank ", rank, " on ", host, ": ") : "";
            core::log::error(who, message);
        }
    }
    return code;
}

/// A run outlives who reads its output, and no file of its own takes the place of standard error.
void settle_files() {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // a file beyond the user's limit is an error of write(), not the end
    for (int stream = 0; stream <= 2; ++stream)
        if (::fcntl(stream, F_GETFD) < 0) ::open("/dev/null", O_RDWR);  // takes the lowest number that is free
}

std::optional<Arguments> parse(int argc, char** argv, const ProgramTable& table, bool is_root) {
    options::options_description all(table.options);
    all.add_options()("help", "print this text")("version", "print the versions of the program and its libraries");
    options::options_description understood(all);
    understood.add(table.hidden);
    Arguments arguments;
    try {
        options::store(options::command_line_parser(argc, argv).options(understood).positional({}).run(), arguments);
        if (arguments.count("help") || arguments.count("version")) {
            if (is_root && arguments.count("help")) std::cout << table.name << ": " << table.purpose << "\n\n" << all;
            if (is_root && !arguments.count("help")) std::cout << version_text(table.name);
            return std::nullopt;
        }
        options::notify(arguments);
    } catch (const options::error& error) {
        throw core::UsageError(core::concat(error.what(), "; ", table.name, " --help lists the options"));
    }
    return arguments;
}

}  // namespace

int run_program(int argc, char** argv, const ProgramTable& table,
                const std::function<ExitCode(comm::World&, const Arguments&)>& body) {
    settle_files();
    try {
        comm::MpiSession session(argc, argv);
        const auto world = session.make_world();
        const auto leaving = session.make_world(kLeaveSeconds);
        core::log::set_rank(world->rank(), world->size());
        Outcome outcome;
        try {
            const auto arguments = parse(argc, argv, table, world->is_root());
            if (arguments) outcome.code = body(*world, *arguments);
        } catch (...) {
            outcome = from_current_exception();
        }
        try {
            return static_cast<int>(agree(*leaving, outcome));
        } catch (const core::PeerError& error) {
            // A rank hangs or is gone, so that nothing can be agreed on: our own word, and the end of all.
            const std::string message = outcome.message.empty() ? error.what() : outcome.message;
            core::log::error("rank ", world->rank(), " on ", world->host(), ": ", message);
            const auto code = outcome.code == ExitCode::done ? ExitCode::peer_failed : outcome.code;
            comm::MpiSession::abort(static_cast<int>(code));
        }
    } catch (...) {
        const Outcome outcome = from_current_exception();
        core::log::error(outcome.message);
        return static_cast<int>(outcome.code);
    }
}

}  // namespace vox::app
