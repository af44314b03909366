/** A method of gRPC whose messages are bytes, for @grpc/grpc-js at either end. */
export const bytes = (value: Buffer) => value

export function method(path: string, streams: { request: boolean; response: boolean }) {
  return {
    path,
    requestStream: streams.request,
    responseStream: streams.response,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  }
}
