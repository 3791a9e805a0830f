/// What Dart functions are written against.
library;

export 'src/call.dart' show CallError, Context, Log, Sdk;
export 'src/http.dart' show RuntimeContext, RuntimeOutput, RuntimeRequest, RuntimeResponse;
