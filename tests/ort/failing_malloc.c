// Preloaded: the allocations of one library fail, from the COUNT-th on, for a while.
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

void* __libc_malloc(size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);

static uintptr_t first, last;  // addresses of the library's code
static atomic_long passing, failing;

// Lets `count` allocations of the code in [begin, end) pass, then fails `times`.
void FailAllocations(uintptr_t begin, uintptr_t end, long count, long times) {
  atomic_store(&failing, 0);
  first = begin;
  last = end;
  atomic_store(&passing, count);
  atomic_store(&failing, times);
}

// How many failures are left of those asked for.
long FailuresLeft(void) { return atomic_load(&failing); }

static int Fails(const void* caller) {
  const uintptr_t at = (uintptr_t)caller;
  if (atomic_load(&failing) <= 0 || at < first || at >= last) return 0;
  if (atomic_fetch_sub(&passing, 1) > 0) return 0;
  atomic_fetch_sub(&failing, 1);
  errno = ENOMEM;
  return 1;
}

void* malloc(size_t bytes) {
  return Fails(__builtin_return_address(0)) ? NULL : __libc_malloc(bytes);
}

void* aligned_alloc(size_t alignment, size_t bytes) {
  return Fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, bytes);
}

int posix_memalign(void** made, size_t alignment, size_t bytes) {
  if (Fails(__builtin_return_address(0))) return ENOMEM;
  *made = __libc_memalign(alignment, bytes);
  return *made == NULL ? ENOMEM : 0;
}
