// rpc_server: a Protocol Buffers service: echo, sum, and a method that takes its time.
#include <tern/rpc/Server.h>

#include "ExampleService.h"
#include "ServerProgram.h"

int main(int argc, char** argv) {
  ExampleService service;
  return tern::examples::runServerProgram(argc, argv,
                                          "Serves the methods of example.proto: Echo, Sum, Wait.",
                                          [&service](tern::TcpServer& server) {
                                            tern::rpc::Server rpc;
                                            rpc.registerService(&service);
                                            rpc.attach(server);
                                          });
}
