#pragma once
// What all programs of apps/ share: MPI from start to end, the command line, errors to messages and exit codes.

#include <boost/program_options.hpp>
#include <functional>
#include <string>

#include "comm/world.hpp"
#include "core/error.hpp"

namespace vox::app {

/// A program's name, purpose, and its command line: the one list that both the parser and --help use.
struct ProgramTable {
    std::string name;
    std::string purpose;  // one or two sentences for --help
    boost::program_options::options_description options;
    boost::program_options::options_description hidden{};  // understood, and not in --help
};

using Arguments = boost::program_options::variables_map;

/// Starts MPI (one rank where no launcher was used), parses, runs `body` on every rank, and returns the exit code that all
/// ranks agreed on.  --help and --version are answered by rank 0.
///
/// An exception of any rank ends all: ranks that left `body` exchange what happened for a few seconds; rank 0 prints each
/// message once, with rank, host and place; where a rank does not answer in that time the job is aborted with the own code.
int run_program(int argc, char** argv, const ProgramTable& table,
                const std::function<core::ExitCode(comm::World&, const Arguments&)>& body);

}  // namespace vox::app
