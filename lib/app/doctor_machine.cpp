#include "app/doctor_machine.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "app/all_reduce_speed.hpp"
#include "app/clock_offsets.hpp"
#include "app/threads.hpp"
#include "app/version.hpp"
#include "comm/gpu_facts.hpp"
#include "comm/machine_facts.hpp"
#include "comm/make_communicator.hpp"
#include "comm/versions.hpp"
#include "core/text.hpp"

namespace vox::app {
namespace {

using core::concat;
using core::ExitCode;

/// The versions on one line.
std::string own_versions() {
    std::string text = version_text("voxrank");
    for (size_t at = 0; (at = text.find("\n  ", at)) != std::string::npos;) text.replace(at, 3, ", ");
    text.erase(text.find_last_not_of('\n') + 1);
    return text;
}

Finding examine_versions(comm::World& world) {
    const auto own = own_versions();
    const auto root = world.broadcast(own);
    if (own == root) return Finding::ok(own);
    return Finding::fails(ExitCode::peer_failed, concat("has ", own, ", but rank 0 has ", root,
                                                        ": install the same program and libraries on all nodes"));
}

Finding examine_places(comm::World& world) {
    std::map<std::string, int> ranks_of;
    for (const auto& host : world.gather(world.host())) ++ranks_of[host];
    std::vector<std::string> parts;
    int most = 0, least = world.size();
    for (const auto& [host, ranks] : ranks_of) {
        parts.push_back(concat(ranks, " on ", host));
        most = std::max(most, ranks);
        least = std::min(least, ranks);
    }
    const auto text = concat(world.size(), world.size() == 1 ? " rank: " : " ranks: ", core::join(parts));
    if (most == least) return Finding::ok(text);
    return Finding::warning(concat(text, "; hosts with fewer ranks will wait for the others: start as many on each"));
}

Finding examine_mpi() {
    return Finding::ok(concat(comm::mpi_version(), ", ", comm::mpi_thread_level(),
                              comm::mpi_is_cuda_aware() ? ", CUDA-aware" : ", not CUDA-aware (not needed)"));
}

Finding examine_gpus(comm::World& world) {
    const int visible = comm::visible_gpus();
    if (visible == 0) return Finding::ok("no GPU");
    const auto own = comm::gpu_facts(world.local_rank() % visible);
    return Finding::ok(concat(visible, " visible to a rank; ", own.name, ", compute capability ", own.major, '.',
                              own.minor, ", ", core::human_bytes(static_cast<double>(own.free_bytes)), " of ",
                              core::human_bytes(static_cast<double>(own.total_bytes)), " free"));
}

Finding examine_clocks(comm::World& world) {
    constexpr double kTooFarApartS = 1;
    const auto apart = largest_difference(measure_clock_offsets(world));
    if (world.size() == 1) return Finding::ok("one rank");
    const auto text =
        concat("at most ", short_time(apart.seconds), " apart, give or take ", short_time(apart.uncertainty_s));
    if (apart.seconds - apart.uncertainty_s <= kTooFarApartS) return Finding::ok(text);
    return Finding::warning(concat(text, ": logs of different nodes will not fit together; let NTP set the clocks"));
}

int64_t own_cores() {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return CPU_COUNT(&allowed);
    return sysconf(_SC_NPROCESSORS_ONLN);
}

std::string speed_text(const AllReduceSpeed& speed, int ranks) {
    const auto rate = bus_bandwidth(speed.bytes, speed.seconds, ranks);
    return concat("8 bytes in ", short_time(speed.latency_s), "; ", core::human_bytes(static_cast<double>(speed.bytes)),
                  " in ", short_time(speed.seconds), ", bus bandwidth ", core::human_bytes(rate), "/s");
}

}  // namespace

void examine_hosts(comm::World& world, Findings& findings) {
    findings.check("versions", [&] { return examine_versions(world); });
    findings.check("ranks", [&] { return examine_places(world); });
    findings.check("MPI", examine_mpi);
    findings.check("GPUs", [&] { return examine_gpus(world); });
    findings.check("clocks", [&] { return examine_clocks(world); });
}

int64_t examine_threads(comm::World& world, Findings& findings, int64_t configured) {
    const int64_t threads = settle_threads(world, configured);
    findings.check("threads", [&] {
        const int64_t own = own_cores(), of_node = std::max<int64_t>(1, sysconf(_SC_NPROCESSORS_ONLN));
        const auto text = concat(threads, threads == 1 ? " thread" : " threads", " a rank, which may use ", own, " of ",
                                 of_node, " cores; ", world.local_size(), " ranks on its host");
        if (threads <= own && threads * world.local_size() <= of_node) return Finding::ok(text);
        const int64_t fair = std::max<int64_t>(1, std::min(own, of_node / world.local_size()));
        return Finding::warning(concat(text, ": threads will take turns; start fewer ranks",
                                       fair < threads ? concat(", or set train.threads_per_rank to ", fair) : ""));
    });
    return threads;
}

std::unique_ptr<comm::Communicator> examine_communication(comm::World& world, Findings& findings,
                                                          const comm::Options& options) {
    std::unique_ptr<comm::Communicator> comm;
    const bool started = findings.check("communication", [&] {
        const auto choice = comm::agree_on_backend(world, options);
        comm = comm::make_communicator(world, options);
        return Finding::ok(
            concat(comm->backend(), " on ", choice.device.is_cpu() ? "CPUs" : "GPUs", ": ", choice.reason));
    });
    if (!started) {
        findings.skip("all-reduce", "communication does not start");
        return nullptr;
    }
    findings.check("all-reduce", [&] {
        if (world.size() == 1) return Finding::ok("one rank has nothing to exchange");
        return Finding::ok(speed_text(measure_all_reduce(world, *comm), world.size()));
    });
    return comm;
}

}  // namespace vox::app
