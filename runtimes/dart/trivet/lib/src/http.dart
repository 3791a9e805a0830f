import 'dart:convert';
import 'dart:typed_data';

import 'call.dart';

/// What a context handler gets: Future<dynamic> main(final context).
class RuntimeContext {
  RuntimeContext(this._call) : req = RuntimeRequest(_call);
  final Call _call;
  final RuntimeRequest req;
  final RuntimeResponse res = RuntimeResponse();

  Sdk get sdk => Sdk(_call);

  /// One line of what is given, values other than text as JSON.
  void log(dynamic first, [dynamic second = _none, dynamic third = _none, dynamic fourth = _none]) => _call.log('info', _line([first, second, third, fourth]), null);

  /// The same at level error.
  void error(dynamic first, [dynamic second = _none, dynamic third = _none, dynamic fourth = _none]) => _call.log('error', _line([first, second, third, fourth]), null);

  static const _none = Object();

  static String _line(List<dynamic> values) {
    const most = 8000;
    final line = values.where((each) => !identical(each, _none)).map(_word).join(' ');
    return line.length > most ? '${line.substring(0, most)}... Log truncated due to size limit (8000 characters)' : line;
  }

  static String _word(dynamic value) {
    if (value is String) return value;
    try {
      return jsonEncode(value);
    } on JsonUnsupportedObjectError {
      return '$value';
    }
  }
}

/// The request. It is taken apart where user code looks at it.
class RuntimeRequest {
  RuntimeRequest(this._call);
  final Call _call;

  String get method => _call.facts['method'] ?? 'POST';
  String get scheme => _call.facts['scheme'] ?? 'http';
  String get host => _address.split(':').first;
  int get port => _address.contains(':') ? int.tryParse(_address.split(':').last) ?? _usualPort : _usualPort;
  String get path => _call.facts['path'] ?? '/';
  String get queryString => _call.facts['query'] ?? '';
  String get url => '$scheme://$host${port == _usualPort ? '' : ':$port'}$path${queryString.isEmpty ? '' : '?$queryString'}';
  String get _address => _call.facts['host'] ?? 'localhost';
  int get _usualPort => scheme == 'https' ? 443 : 80;

  /// The parts of queryString. Nothing is decoded.
  late final Map<String, String> query = {
    for (final part in queryString.split('&'))
      if (part.split('=').first.isNotEmpty) part.split('=').first: part.contains('=') ? part.substring(part.indexOf('=') + 1) : '',
  };

  /// Names in lower case.
  late final Map<String, String> headers = () {
    final all = <String, String>{};
    for (final pair in _call.facts['headers'] ?? const []) {
      final String name = pair[0], value = pair[1];
      if (!name.startsWith('x-open-runtimes-')) all[name] = all.containsKey(name) ? '${all[name]}, $value' : value;
    }
    return all;
  }();

  Uint8List get bodyBinary => _call.body;
  late final String bodyText = utf8.decode(_call.body, allowMalformed: true);
  String get bodyRaw => bodyText;
  dynamic get bodyJson => jsonDecode(bodyText);

  /// By its content type: what JSON says, or text.
  dynamic get body {
    if (!(headers['content-type'] ?? '').toLowerCase().startsWith('application/json')) return bodyText;
    return _call.body.isEmpty ? <String, dynamic>{} : bodyJson;
  }
}

/// What a context handler returns; context.res makes it.
class RuntimeOutput {
  RuntimeOutput._(this._body, this._status, this._headers, [this._pieces]);
  final List<int> _body;
  final int _status;
  final Map<String, dynamic> _headers;
  final Stream<List<int>>? _pieces;

  // REPLY's meta. A header whose value is a list is sent once per item.
  List<int> _head() {
    var type = 'text/plain';
    final list = <List<String>>[];
    _headers.forEach((key, value) {
      final name = key.toLowerCase();
      if (name == 'content-type') {
        type = '$value';
      } else if (!name.startsWith('x-open-runtimes-')) {
        for (final item in value is Iterable ? value : [value]) {
          list.add([name, '$item']);
        }
      }
    });
    final lower = type.toLowerCase(); // a multipart type stays as it is: its boundary may have capitals
    list.add(['content-type', lower.startsWith('multipart/') ? type : lower.contains('charset=') ? lower : '$lower; charset=utf-8']);
    return utf8.encode(jsonEncode({'status': _status, 'headers': list}));
  }
}

/// The ways to answer.
class RuntimeResponse {
  RuntimeOutput text(String body, [int statusCode = 200, Map<String, dynamic> headers = const {}]) => RuntimeOutput._(utf8.encode(body), statusCode, headers);

  RuntimeOutput send(String body, [int statusCode = 200, Map<String, dynamic> headers = const {}]) => text(body, statusCode, headers);

  RuntimeOutput binary(List<int> bytes, [int statusCode = 200, Map<String, dynamic> headers = const {}]) => RuntimeOutput._(bytes, statusCode, headers);

  RuntimeOutput json(dynamic value, [int statusCode = 200, Map<String, dynamic> headers = const {}]) =>
      RuntimeOutput._(encoded(value), statusCode, {...headers, 'content-type': 'application/json'});

  RuntimeOutput empty() => RuntimeOutput._(const [], 204, const {});

  RuntimeOutput redirect(String url, [int statusCode = 301, Map<String, dynamic> headers = const {}]) =>
      RuntimeOutput._(const [], statusCode, {...headers, 'location': url});

  /// Piece by piece, as they come: text or bytes.
  RuntimeOutput stream(Stream<dynamic> pieces, [int statusCode = 200, Map<String, dynamic> headers = const {}]) =>
      RuntimeOutput._(const [], statusCode, headers, pieces.map((each) => each is String ? utf8.encode(each) : each as List<int>));
}

Future<void> answerContext(Function handler, Call call) async {
  final output = await handler(RuntimeContext(call));
  if (output is! RuntimeOutput) {
    throw Fault('INVALID_OUTPUT', 'Return statement missing. return context.res.empty() if no response is expected.');
  }
  if (output._pieces case final pieces?) return call.stream(output._head(), pieces);
  await call.reply(output._head(), output._body);
}
