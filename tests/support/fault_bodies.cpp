// What happens at a fault point of a program that is linked with this: VOX_FAULT says it, in the words of tests/README.md.
//   VOX_FAULT="step:begin@5 rank=1 stop"            at the fifth pass of that point on rank 1, SIGSTOP
//   VOX_FAULT="loader:item rank=2 sleep=200; ..."   at every pass, 200 ms; several faults are parted by ';'

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <limits>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "core/error.hpp"
#include "core/fault_points.hpp"
#include "core/text.hpp"

namespace {

struct Fault {
    std::string point, action, value;
    int pass = 0;  // 0: every one
    int rank = -1;  // -1: all
};

[[noreturn]] void refuse(const std::string& what) {
    std::cerr << "VOX_FAULT: " << what << std::endl;
    std::abort();
}

int rank_of_this_process() {
    for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK"})
        if (const char* value = std::getenv(name)) return std::atoi(value);
    return 0;
}

Fault parse_one(const std::string& text) {
    std::istringstream words(text);
    Fault fault;
    words >> fault.point;
    if (const auto at = fault.point.find('@'); at != std::string::npos) {
        fault.pass = std::stoi(fault.point.substr(at + 1));
        fault.point.resize(at);
    }
    for (std::string word; words >> word;) {
        const auto equals = word.find('=');
        const std::string key = word.substr(0, equals);
        const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
        if (key == "rank")
            fault.rank = std::stoi(value);
        else if (fault.action.empty())
            std::tie(fault.action, fault.value) = std::pair(key, value);
        else
            refuse("'" + word + "' is one word too many");
    }
    const std::vector<std::string> actions{"exit", "kill", "stop", "sleep", "throw", "memory", "nan", "flip"};
    if (std::ranges::find(actions, fault.action) == actions.end()) refuse("unknown action '" + fault.action + "'");
    return fault;
}

std::vector<Fault> parse_all() {
    std::vector<Fault> faults;
    const char* text = std::getenv("VOX_FAULT");
    std::istringstream parts(text == nullptr ? "" : text);
    for (std::string part; std::getline(parts, part, ';');)
        if (part.find_first_not_of(' ') != std::string::npos) faults.push_back(parse_one(part));
    return faults;
}

void happen(const Fault& fault, std::span<std::byte> memory) {
    // In one piece: standard error has no buffer, and other threads and ranks write there too.
    std::cerr << vox::core::concat("fault: ", fault.action, " at ", fault.point, " on rank ", rank_of_this_process(),
                                   '\n');
    if (fault.action == "exit") ::_exit(9);
    if (fault.action == "kill") ::raise(SIGKILL);
    if (fault.action == "stop") ::raise(SIGSTOP);
    if (fault.action == "sleep") std::this_thread::sleep_for(std::chrono::milliseconds(std::stol(fault.value)));
    if (fault.action == "throw") throw vox::core::DataError("a fault that was asked for");
    if (fault.action == "memory") throw std::bad_alloc();
    if (fault.action != "nan" && fault.action != "flip") return;
    if (memory.size() < sizeof(float)) refuse("no memory to spoil at " + fault.point);
    if (fault.action == "flip") {
        memory[0] ^= std::byte{1};  // the lowest bit of the first number
    } else {
        const float nan = std::numeric_limits<float>::quiet_NaN();
        std::ranges::copy(std::as_bytes(std::span(&nan, 1)), memory.begin());
    }
}

}  // namespace

void vox::core::fault_point(std::string_view name, std::span<std::byte> memory) {
    static const std::vector<Fault> faults = parse_all();
    static std::mutex mutex;
    static std::map<const Fault*, int> passes;
    for (const Fault& fault : faults) {
        if (fault.point != name || (fault.rank >= 0 && fault.rank != rank_of_this_process())) continue;
        const int pass = [&] {
            const std::scoped_lock lock(mutex);
            return ++passes[&fault];
        }();
        if (fault.pass == 0 || fault.pass == pass) happen(fault, memory);
    }
}
