// Leaving nothing behind when the library is unloaded.
//
// The C++ library linked into ours allocates 73 kB when it is loaded, so that exceptions can be
// thrown when memory has run out, and keeps them when it is unloaded. ONNX Runtime loads and
// unloads a library of custom operators with every session; a program that opens many would lose as
// much each time. The function below is GNU's own way to give them back. Other C++ libraries do not
// have it, nor the need.

namespace __gnu_cxx {
__attribute__((weak)) void __freeres();
}

namespace sparseprune::ort {
namespace {

// After the destructors of static objects; nobody is in the library any more.
__attribute__((destructor)) void FreeExceptionPool() {
  if (__gnu_cxx::__freeres != nullptr) __gnu_cxx::__freeres();
}

}  // namespace
}  // namespace sparseprune::ort
