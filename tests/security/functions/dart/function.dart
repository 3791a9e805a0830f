// A hostile function: does what `attack` says by the means of this language, and answers what came of it.
import 'dart:io';
import 'dart:typed_data';

import 'package:trivet/trivet.dart';

final kept = <Uint8List>[];

Future<String> attack(String name, String argument, List<String> arguments) async {
  switch (name) {
    case 'read':
      final file = await File(argument).open();
      await file.readByte();
      await file.close();
    case 'write':
      await (await File(argument).open(mode: FileMode.append)).close();
    case 'tcp':
      final colon = argument.lastIndexOf(':');
      final port = int.parse(argument.substring(colon + 1));
      (await Socket.connect(argument.substring(0, colon), port, timeout: const Duration(seconds: 1))).destroy();
    case 'kill':
      throw UnsupportedError('cannot: no call sends the signal 0');
    case 'spawn':
      final done = await Process.run(arguments.first, arguments.skip(1).toList());
      return '${done.stdout}${done.stderr}';
    case 'environment':
      return Platform.environment.entries.map((each) => '${each.key}=${each.value}').join('\n');
    case 'tasks':
      final children = <Process>[];
      try {
        for (var i = 0; i < int.parse(argument); i++) {
          children.add(await Process.start('sleep', ['100']));
        }
      } finally {
        for (final child in children) {
          child.kill(ProcessSignal.sigkill);
        }
      }
    case 'memory':
      for (var i = 0; i < int.parse(argument); i++) {
        kept.add(Uint8List(1 << 20)..fillRange(0, 1 << 20, 1));
      }
      kept.clear();
    case 'print':
      for (var i = int.parse(argument); i > 0; i--) {
        print('x' * 999);
      }
    case 'reply':
      return 'x' * (int.parse(argument) << 20);
    default:
      while (true) {}
  }
  return '';
}

Future<Map<String, String>> handler(dynamic input, Context ctx) async {
  try {
    final arguments = [for (final each in input['arguments'] ?? []) '$each'];
    return {'outcome': 'allowed', 'detail': await attack(input['attack'], input['argument'] ?? '', arguments)};
  } on UnsupportedError catch (error) {
    return {'outcome': error.message ?? ''};
  } on Exception catch (error) {
    return {'outcome': '$error'};
  }
}
