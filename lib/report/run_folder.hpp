#pragma once
// The folder that a run leaves: runs/<name>/.

#include <filesystem>
#include <string>

namespace vox::report {

/// Where the parts of a run's folder are.
struct RunPaths {
    std::filesystem::path root;

    std::filesystem::path config() const { return root / "config.yaml"; }
    std::filesystem::path metrics() const { return root / "metrics.jsonl"; }
    std::filesystem::path log() const { return root / "log.txt"; }
    std::filesystem::path report() const { return root / "report.html"; }
    std::filesystem::path checkpoints() const { return root / "checkpoints"; }
    std::filesystem::path previews() const { return root / "previews"; }
    std::filesystem::path charts() const { return root / "charts"; }
    std::filesystem::path tensorboard() const { return root / "tensorboard"; }
    std::filesystem::path flight() const { return root / "flight"; }
    std::filesystem::path lock() const { return root / ".lock"; }
};

/// A run's folder, held by this process: created where it is not there, and locked until destruction or the process's end,
/// however it ends.  One rank (rank 0).
class RunFolder {
public:
    /// Throws WriteError, saying what to do, where a file is in its place, where it cannot be created or written, and where
    /// another process trains into it (named by host and process id).  `job`: what else to write down about the owner.
    explicit RunFolder(const std::filesystem::path& root, const std::string& job = "");
    ~RunFolder();
    RunFolder(const RunFolder&) = delete;
    RunFolder& operator=(const RunFolder&) = delete;

    const RunPaths& paths() const { return paths_; }

    /// Who held the folder last: "process 12 on node3, Slurm job 4711"; empty where nobody did.
    static std::string owner(const std::filesystem::path& root);

private:
    void create();
    void take_lock(const std::string& job);

    RunPaths paths_;
    int lock_ = -1;
};

}  // namespace vox::report
