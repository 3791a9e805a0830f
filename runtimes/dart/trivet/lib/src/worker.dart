import 'dart:async';
import 'dart:convert';
import 'dart:io';
import 'dart:typed_data';

import 'call.dart';
import 'frames.dart';
import 'http.dart';

/// Serves the function that is compiled in, until the host says that it is enough.
void serve(Function handler, {required bool isContext}) {
  closeOnExec();
  Worker(isContext ? (call) => answerContext(handler, call) : (call) => _answerJson(handler, call)).serve();
}

/// The worker: one event loop, so handlers that await let frames be heard.
class Worker {
  Worker(this._answer);
  final Future<void> Function(Call) _answer;
  final pipes = Pipes();
  final _calls = <int, Call>{};
  Map<String, dynamic> plan = {};
  Map<String, String> env = {};
  bool _isEnding = false;

  int get maxFrame => plan['max_frame'] ?? 33 << 20;

  void serve() {
    final version = Platform.version.split(' ').first;
    pipes.write(kHello, 0, meta: utf8.encode(jsonEncode({
      'protocol': 1, 'runtime': 'dart', 'version': version, 'concurrency': 0, 'features': ['cancel', 'stream'],
    })));
    pipes.frames().listen(_take, onDone: _finish);
  }

  void _take(Frame frame) {
    final call = _calls[frame.call];
    switch (frame.kind) {
      case kLoad:
        plan = jsonDecode(utf8.decode(frame.meta));
        env = Map<String, String>.from(plan['env'] ?? {});
        setEnvironment(env);
        pipes.write(kReady, 0);
      case kCall:
        final begun = _calls[frame.call] = Call(this, frame.call, frame.meta);
        if (frame.more) {
          begun.parts = BytesBuilder()..add(frame.body);
        } else {
          begun.body = frame.body;
          _run(begun);
        }
      case kChunk when call?.parts != null:
        call!.parts!.add(frame.body);
        if (frame.more) return pipes.write(kCredit, frame.call, meta: utf8.encode('{"bytes":${frame.body.length}}'));
        call.body = call.parts!.takeBytes();
        call.parts = null;
        _run(call);
      case kCancel:
        call?.cancel();
      case kAnswer:
        call?.answered(frame);
      case kCredit:
        call?.credit(jsonDecode(utf8.decode(frame.meta))['bytes'] ?? 0);
      case kPing:
        pipes.write(kPong, 0, body: frame.body);
      case kDrain:
        _finish();
    }
  }

  // With several calls at once, what a call prints goes to the host as LOG frames with its id.
  void _run(Call call) {
    if ((plan['concurrency'] ?? 1) <= 1) {
      _answered(call);
      return;
    }
    runZoned(() => _answered(call), zoneSpecification: ZoneSpecification(print: (_, __, ___, line) => call.log('info', line, null)));
  }

  Future<void> _answered(Call call) async {
    try {
      await _answer(call);
    } catch (error, stack) {
      await call.fail(error, stack);
    }
  }

  void forget(Call call) {
    _calls.remove(call.id);
    if (_isEnding && _calls.isEmpty) exit(0);
  }

  void _finish() {
    _isEnding = true;
    if (_calls.isEmpty) exit(0);
  }
}

final _streamHead = utf8.encode('{"headers":[["content-type","application/x-ndjson"]]}');

/// handler(input, ctx), handler(input) or handler(): what Dart's types allow at the call is the handler's own business.
Future<void> _answerJson(Function handler, Call call) async {
  final dynamic input;
  try {
    input = call.body.isEmpty ? null : jsonDecode(utf8.decode(call.body));
  } on FormatException catch (error) {
    throw Fault('INVALID_INPUT', 'the input is not JSON: ${error.message}');
  }
  final context = Context(call);
  final arguments = switch (handler) {
    dynamic Function(Never, Context) _ => [input, context],
    dynamic Function(Never) _ => [input],
    _ => const [],
  };
  final value = await Function.apply(handler, arguments);
  if (value is Stream) return call.stream(_streamHead, value.map((each) => each is Uint8List ? each : [...encoded(each), 10]));
  await call.reply(const [], encoded(value));
}
