#include "comm/world.hpp"

#include <unistd.h>

#include <array>
#include <exception>

#include "core/activity.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::comm {
namespace {

class LocalWorld final : public World {
public:
    LocalWorld() {
        std::array<char, 256> host{};
        gethostname(host.data(), host.size() - 1);
        host_ = host.data();
    }
    bool all_ok(bool ok) override { return ok; }
    bool any(bool flag) override { return flag; }
    std::string broadcast(const std::string& bytes, int root) override {
        core::check(root == 0, core::concat("broadcast from rank ", root, " in a world of one rank"));
        return bytes;
    }
    std::vector<std::string> gather(const std::string& bytes) override { return {bytes}; }
    std::vector<double> sum(const std::vector<double>& values) override { return values; }
    double max(double value) override { return value; }
    void barrier() override {}
};

std::string message_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const core::Error& e) {
        return core::concat(e.what(), " (", core::place(e.where()), ")");
    } catch (const std::exception& e) {
        return e.what();
    } catch (...) {
        return "an error of unknown type";
    }
}

}  // namespace

void World::together(std::string_view what, const std::function<void()>& work) {
    const core::Activity activity(what);
    std::exception_ptr own;
    try {
        work();
    } catch (...) {
        own = std::current_exception();
    }
    if (all_ok(!own)) return;
    // A first character tells a rank that failed without a message from one that did not fail.
    const std::vector<std::string> reports = gather(own ? core::concat("!", host_, ": ", message_of(own)) : "");
    if (own) std::rethrow_exception(own);
    for (int rank = 0; rank < size_; ++rank) {
        if (!reports[rank].empty()) {
            throw core::PeerError(core::concat(what, " failed on rank ", rank, " on ", reports[rank].substr(1)));
        }
    }
    throw core::InternalError(core::concat(what, ": a rank failed and did not say so"));
}

void World::on_root(std::string_view what, const std::function<void()>& work) {
    together(what, [&] {
        if (is_root()) work();
    });
}

std::unique_ptr<World> make_local_world() { return std::make_unique<LocalWorld>(); }

}  // namespace vox::comm
