// ExampleService: the methods of proto/example.proto.
#pragma once

#include "example.pb.h"

/// Called on any of the server's loops, on several at once: it has no state.
class ExampleService final : public tern::example::Example {
 public:
  void Echo(google::protobuf::RpcController* controller, const tern::example::EchoRequest* request,
            tern::example::EchoReply* reply, google::protobuf::Closure* done) override;
  void Sum(google::protobuf::RpcController* controller, const tern::example::SumRequest* request,
           tern::example::SumReply* reply, google::protobuf::Closure* done) override;
  void Wait(google::protobuf::RpcController* controller, const tern::example::WaitRequest* request,
            tern::example::WaitReply* reply, google::protobuf::Closure* done) override;
};
