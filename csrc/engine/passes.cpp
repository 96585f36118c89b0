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
  int64_t first, count, pass, passes;
};

// What one task needs, allocated before any task starts.
struct Worker {
  const Job* job;
  int64_t begin, end;  // passes
  Parallel* parallel;
  WorkspacePtr workspace;
  std::vector<const float*> inputs;
  std::vector<float*> outputs;

  void Run() noexcept {
    for (int64_t i = begin; i < end; ++i) RunOne(job->first + i * job->pass);
  }

  void RunOne(int64_t start) noexcept {
    const Batch& batch = job->batch;
    for (size_t i = 0; i < inputs.size(); ++i)
      inputs[i] = batch.inputs[i] + start * batch.input_floats[i];
    for (size_t i = 0; i < outputs.size(); ++i)
      outputs[i] = batch.outputs[i] + start * batch.output_floats[i];
    const int64_t images = std::min(job->pass, job->first + job->count - start);
    job->plan.Run({nullptr, inputs.data(), outputs.data(), images, parallel}, *workspace);
  }
};

// Whole passes share nothing, so they scale better than parts of a layer, given enough of them.
int64_t WorkerCount(const Job& job, const Parallel& parallel) {
  const int64_t width = std::min<int64_t>(static_cast<int64_t>(parallel.width()), kMostWorkers);
  const int64_t worthwhile = job.plan.work() * job.passes / kTaskWork;
  if (2 * job.passes < width) return 1;
  return std::max<int64_t>(1, std::min({width, job.passes, worthwhile}));
}

}  // namespace

void RunPasses(const Plan& plan, const Batch& batch, int64_t first, int64_t count, int64_t pass,
               Parallel& parallel) {
  const Job job{plan, batch, first, count, pass, CeilDiv(count, pass)};
  const int64_t workers = WorkerCount(job, parallel);
  Serial serial;
  std::vector<Worker> team;
  for (int64_t w = 0; w < workers; ++w)
    team.push_back({&job, w * job.passes / workers, (w + 1) * job.passes / workers,
                    workers == 1 ? &parallel : &serial, plan.Borrow(), batch.inputs,
                    batch.outputs});
  if (workers == 1)
    team[0].Run();
  else
    parallel.For(
        team.size(), [](void* team, size_t i) { static_cast<Worker*>(team)[i].Run(); },
        team.data());
  for (Worker& worker : team) plan.GiveBack(std::move(worker.workspace));
}

}  // namespace sparseprune
