import 'package:trivet/trivet.dart';

/// Called once per request. The JSON body becomes input; what is returned becomes the reply.
Map<String, String> handler(dynamic input, Context ctx) {
  final name = input?['name'] ?? 'World';
  ctx.log.info('greeting', {'name': name});
  return {'message': 'Hello, $name!'};
}
