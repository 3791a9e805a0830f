import 'dart:async';
import 'dart:convert';
import 'dart:io';
import 'dart:typed_data';

import 'frames.dart';
import 'worker.dart';

const _textMost = 64 << 10, _fieldsMost = 256 << 10, _pieceMost = 64 << 10;

/// A failure that has a code of its own in the protocol.
class Fault implements Exception {
  Fault(this.code, this.message);
  final String code, message;
}

/// A call of another function that failed.
class CallError implements Exception {
  CallError(this.code, this.function, this.message, {this.status = 0, List<int>? body, this.details = const {}}) : body = Uint8List.fromList(body ?? const []);
  final String code, function;

  /// The host's sentence alone.
  final String message;

  /// Of a function that answered with 400 or more; else 0.
  final int status;
  final Uint8List body;
  final Map<String, dynamic> details;

  @override
  String toString() => code == 'LOOP_DETECTED' ? message : '$function: $code: $message';
}

/// What a json handler is told besides its input.
class Context {
  Context(this._call);
  final Call _call;

  String get callId => _call.facts['id'] ?? '';
  String get function => _call.worker.plan['function'] ?? '';
  Map<String, dynamic>? get auth => _call.facts['auth'];
  Map<String, String> get env => _call.worker.env;

  /// When the call must have ended, in Unix milliseconds.
  int get deadline => _call.facts['deadline_ms'] ?? 0;
  bool get isCancelled => _call.isCancelled;

  /// Completes when the host wants the call to stop.
  Future<void> get cancelled => _call.cancelled.future;
  Log get log => Log(_call);
  Sdk get sdk => Sdk(_call);
}

/// Log lines with a level and fields.
class Log {
  Log(this._call);
  final Call _call;

  void debug(String message, [Map<String, dynamic>? fields]) => _call.log('debug', message, fields);
  void info(String message, [Map<String, dynamic>? fields]) => _call.log('info', message, fields);
  void warn(String message, [Map<String, dynamic>? fields]) => _call.log('warn', message, fields);
  void error(String message, [Map<String, dynamic>? fields]) => _call.log('error', message, fields);
}

/// Calls of other functions. They end with the call that they are made in.
class Sdk {
  Sdk(this._call);
  final Call _call;

  /// What the function returns: the value of a JSON reply, the list of values of one that streamed lines, text of a text reply, else bytes.
  Future<dynamic> call(String function, [dynamic input, Duration? timeout]) => _call.ask(function, input, timeout);
}

List<int> encoded(dynamic value) {
  try {
    return utf8.encode(jsonEncode(value));
  } on JsonUnsupportedObjectError catch (error) {
    throw Fault('INVALID_OUTPUT', 'the value cannot be written as JSON: ${error.cause ?? error}');
  }
}

String cut(String text) => text.length > _textMost ? text.substring(0, _textMost) : text;

/// One call: what the host told about it, and the ways it ends. Exactly one of reply, stream and fail ends each.
class Call {
  Call(this.worker, this.id, this._meta) : _window = worker.plan['credit'] ?? 256 << 10;
  final Worker worker;
  final int id;
  final Uint8List _meta;
  Uint8List body = Uint8List(0);
  BytesBuilder? parts; // of a body that comes in CHUNKs
  bool isCancelled = false;
  bool _hasEnded = false;
  int _window; // body bytes that CHUNKs may still carry
  int _asked = 0;
  Completer<void>? _credited;
  final cancelled = Completer<void>();
  final _asks = <int, (String, Completer<dynamic>)>{};
  late final Map<String, dynamic> facts = _meta.isEmpty ? {} : jsonDecode(utf8.decode(_meta));

  void cancel() {
    isCancelled = true;
    cancelled.complete();
    _credited?.complete();
    _credited = null;
    _dropAsks('the call was cancelled');
    if (parts != null) fail(Fault('CANCELLED', ''), StackTrace.empty); // the handler has not begun
  }

  void credit(int bytes) {
    _window += bytes;
    _credited?.complete();
    _credited = null;
  }

  void log(String level, String message, Map<String, dynamic>? fields) {
    var meta = utf8.encode(jsonEncode({'level': level}));
    if (fields != null) {
      try {
        final all = utf8.encode(jsonEncode({'level': level, 'fields': fields}));
        if (all.length <= _fieldsMost) meta = all;
      } on JsonUnsupportedObjectError {
        // fields that JSON cannot hold are left out
      }
    }
    worker.pipes.write(kLog, id, meta: meta, body: utf8.encode(cut(message)));
  }

  // ---------------------------------------------------------------- how it ends

  /// The one REPLY of a call.
  Future<void> reply(List<int> head, List<int> body) async {
    if (12 + head.length + body.length > worker.maxFrame || head.length > metaMost) {
      throw Fault('INVALID_OUTPUT', 'the reply has ${head.length + body.length} bytes, more than limits.payload allows: return less, or stream it');
    }
    await _end(kReply, meta: head, body: body);
  }

  /// A reply in pieces, no faster than the host takes them.
  Future<void> stream(List<int> head, Stream<List<int>> pieces) async {
    worker.pipes.write(kReply, id, meta: head, more: true);
    await for (final piece in pieces) {
      for (var at = 0; at < piece.length && !isCancelled;) {
        while (_window <= 0 && !isCancelled) {
          await (_credited = Completer<void>()).future;
        }
        final size = [_window, _pieceMost, piece.length - at].reduce((a, b) => a < b ? a : b);
        _window -= size;
        if (!isCancelled) worker.pipes.write(kChunk, id, body: piece.sublist(at, at + size), more: true);
        at += size;
      }
      if (isCancelled) throw Fault('CANCELLED', '');
    }
    await _end(kChunk);
  }

  Future<void> fail(Object error, StackTrace stack) async {
    final told = switch (error) {
      _ when isCancelled => {'code': 'CANCELLED', 'message': 'the call was cancelled'},
      Fault(:final code, :final message) => {'code': code, 'message': cut(message)},
      _ => {
          'code': error is CallError && error.code == 'LOOP_DETECTED' ? error.code : 'FUNCTION_ERROR',
          'message': cut(_sentence(error)),
          'type': '${error.runtimeType}',
          'stack': cut(stack.toString().split('\n').where((line) => !line.contains('package:trivet/')).join('\n')),
        },
    };
    await _end(kError, meta: utf8.encode(jsonEncode(told)));
  }

  // Exception('boom') shows itself as "Exception: boom".
  static String _sentence(Object error) => error is ArgumentError && error.message != null ? '${error.message}' : error.toString().replaceFirst(RegExp(r'^Exception: '), '');

  Future<void> _end(int kind, {List<int> meta = const [], List<int> body = const []}) async {
    try {
      await Future.wait([stdout.flush(), stderr.flush()]); // what was printed comes before the answer
    } on StateError {
      // user code writes a stream into it
    }
    worker.pipes.write(kind, id, meta: meta, body: body);
    _hasEnded = true;
    _dropAsks('the call has ended');
    worker.forget(this);
  }

  // ---------------------------------------------------------------- calls that it makes

  Future<dynamic> ask(String function, dynamic input, Duration? timeout) {
    final body = encoded(input);
    final number = ++_asked;
    final head = utf8.encode(jsonEncode({
      'ask': number, 'service': 'call', 'function': function,
      if (timeout != null) 'timeout_ms': timeout.isNegative ? 0 : timeout.inMilliseconds,
    }));
    if (12 + head.length + body.length > worker.maxFrame || head.length > metaMost) {
      throw CallError('PAYLOAD_TOO_LARGE', function, 'the input has ${body.length} bytes, more than limits.payload of its caller allows');
    }
    if (_hasEnded || isCancelled) throw CallError('CANCELLED', function, _hasEnded ? 'the call has ended' : 'the call was cancelled');
    final answered = Completer<dynamic>();
    _asks[number] = (function, answered);
    worker.pipes.write(kAsk, id, meta: head, body: body);
    return answered.future;
  }

  void answered(Frame frame) {
    final Map<String, dynamic> told = jsonDecode(utf8.decode(frame.meta));
    final open = _asks.remove(told['ask'])?.$2;
    if (open == null) return; // the call that it belongs to has ended
    if (told['ok'] == true) return open.complete(_decoded(told['type'] ?? 'application/json', frame.body));
    final Map<String, dynamic> error = told['error'] ?? {};
    open.completeError(CallError(error['code'] ?? '', error['function'] ?? '', error['message'] ?? '', status: error['status'] ?? 0, body: frame.body, details: error));
  }

  static dynamic _decoded(String type, Uint8List body) {
    if (type.startsWith('application/x-ndjson')) return [for (final line in LineSplitter.split(utf8.decode(body))) jsonDecode(line)];
    if (type.startsWith('application/json')) return jsonDecode(utf8.decode(body));
    return type.startsWith('text/') ? utf8.decode(body, allowMalformed: true) : body;
  }

  void _dropAsks(String why) {
    final open = _asks.values.toList();
    _asks.clear();
    for (final (function, answered) in open) {
      answered.future.ignore(); // nobody may be waiting any more
      answered.completeError(CallError('CANCELLED', function, why));
    }
  }
}
