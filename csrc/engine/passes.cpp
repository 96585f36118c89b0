#include "engine/passes.h"

#include <algorithm>
#include <utility>

#include "engine/arithmetic.h"
#include "engine/conv.h"

namespace sparseprune {
namespace {

// Each worker holds a workspace.
constexpr int64_t kMostWorkers = 16;

struct Job {
  const Plan& plan;
  const Batch& batch;
  int64_t first, count;
  PassSize size;
  int64_t sets;  // of passes side by side

  int64_t SetImages() const { return size.images * size.together; }
};

// What one task needs, allocated before any task starts.
class Worker {
 public:
  // For the sets [begin, end).
  Worker(const Job& job, int64_t begin, int64_t end, Parallel& parallel)
      : job_(job),
        begin_(begin),
        end_(end),
        workspace_(job.plan.Borrow(job.size.together)),
        inputs_(job.batch.inputs.size() * static_cast<size_t>(job.size.together)),
        outputs_(job.batch.outputs.size() * static_cast<size_t>(job.size.together)),
        frames_(static_cast<size_t>(job.size.together)) {
    for (size_t i = 0; i < frames_.size(); ++i)
      frames_[i] = {nullptr, inputs_.data() + i * job.batch.inputs.size(),
                    outputs_.data() + i * job.batch.outputs.size(), 0, &parallel};
  }

  void Run() noexcept {
    for (int64_t set = begin_; set < end_; ++set) RunSet(job_.first + set * job_.SetImages());
  }

  void GiveBack() noexcept { job_.plan.GiveBack(std::move(workspace_)); }

 private:
  void RunSet(int64_t start) noexcept {
    const int64_t end = std::min(start + job_.SetImages(), job_.first + job_.count);
    int64_t frames = 0;
    for (; start < end; start += job_.size.images, ++frames) Place(frames, start, end);
    job_.plan.Run(frames_.data(), frames, *workspace_);
  }

  // A frame at the images from `start` on.
  void Place(int64_t index, int64_t start, int64_t end) noexcept {
    const Batch& batch = job_.batch;
    Frame& frame = frames_[index];
    frame.images = std::min(job_.size.images, end - start);
    const size_t inputs = batch.inputs.size(), outputs = batch.outputs.size();
    for (size_t i = 0; i < inputs; ++i)
      inputs_[index * inputs + i] = batch.inputs[i] + start * batch.input_floats[i];
    for (size_t i = 0; i < outputs; ++i)
      outputs_[index * outputs + i] = batch.outputs[i] + start * batch.output_floats[i];
  }

  const Job& job_;
  int64_t begin_, end_;
  WorkspacePtr workspace_;
  std::vector<const float*> inputs_;
  std::vector<float*> outputs_;
  std::vector<Frame> frames_;
};

// Whole sets of passes share nothing, so they scale better than parts of a layer, given enough of
// them.
int64_t WorkerCount(const Job& job, const Parallel& parallel) {
  const int64_t width = std::min<int64_t>(static_cast<int64_t>(parallel.width()), kMostWorkers);
  const int64_t worthwhile = job.plan.work() * job.size.together * job.sets / kTaskWork;
  if (2 * job.sets < width) return 1;
  return std::max<int64_t>(1, std::min({width, job.sets, worthwhile}));
}

}  // namespace

void RunPasses(const Plan& plan, const Batch& batch, int64_t first, int64_t count,
               const PassSize& size, Parallel& parallel) {
  const Job job{plan, batch, first, count, size, CeilDiv(count, size.images * size.together)};
  const int64_t workers = WorkerCount(job, parallel);
  Serial serial;
  std::vector<Worker> team;
  team.reserve(static_cast<size_t>(workers));
  for (int64_t w = 0; w < workers; ++w)
    team.emplace_back(job, w * job.sets / workers, (w + 1) * job.sets / workers,
                      workers == 1 ? parallel : serial);
  if (workers == 1)
    team[0].Run();
  else
    parallel.For(
        team.size(), [](void* team, size_t i) { static_cast<Worker*>(team)[i].Run(); },
        team.data());
  for (Worker& worker : team) worker.GiveBack();
}

}  // namespace sparseprune
