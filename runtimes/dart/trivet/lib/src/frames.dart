import 'dart:convert';
import 'dart:ffi';
import 'dart:io';
import 'dart:typed_data';

const kLoad = 1, kCall = 2, kChunk = 3, kCancel = 4, kPing = 5, kAnswer = 6, kDrain = 8, kCredit = 9;
const kHello = 65, kReady = 66, kReply = 67, kError = 68, kLog = 69, kPong = 70, kAsk = 71;
const _headerSize = 16, _fdIn = 3, _fdOut = 4;
const metaMost = 1 << 20;

/// A frame of docs/formats/frame.md.
class Frame {
  Frame(this.kind, this.more, this.call, this.meta, this.body);
  final int kind, call;
  final bool more;
  final Uint8List meta, body;
}

/// The two pipes. They are read as a stream, on a thread of dart:io's, and written at once, so that an answer comes behind what was printed.
class Pipes {
  final RandomAccessFile _out = File('/proc/self/fd/$_fdOut').openSync(mode: FileMode.writeOnly);

  Stream<Frame> frames() async* {
    var pending = BytesBuilder(copy: false);
    await for (final piece in File('/proc/self/fd/$_fdIn').openRead()) {
      pending.add(piece);
      if (pending.length < _headerSize) continue;
      final bytes = pending.takeBytes();
      final view = ByteData.sublistView(bytes);
      var at = 0;
      while (bytes.length - at >= _headerSize) {
        final end = at + 4 + view.getUint32(at);
        if (end > bytes.length) break;
        final bodyAt = at + _headerSize + view.getUint32(at + 12);
        yield Frame(bytes[at + 4], bytes[at + 5] & 1 != 0, view.getUint32(at + 8), Uint8List.sublistView(bytes, at + _headerSize, bodyAt),
            Uint8List.sublistView(bytes, bodyAt, end));
        at = end;
      }
      if (at < bytes.length) pending.add(at == 0 ? bytes : Uint8List.sublistView(bytes, at));
    }
  }

  /// One write each: a frame in parts would let a printed line lose its call.
  void write(int kind, int call, {List<int> meta = const [], List<int> body = const [], bool more = false}) {
    final frame = Uint8List(_headerSize + meta.length + body.length);
    ByteData.sublistView(frame)
      ..setUint32(0, frame.length - 4)
      ..setUint8(4, kind)
      ..setUint8(5, more ? 1 : 0)
      ..setUint32(8, call)
      ..setUint32(12, meta.length);
    frame.setAll(_headerSize, meta);
    frame.setAll(_headerSize + meta.length, body);
    try {
      _out.writeFromSync(frame);
    } on FileSystemException {
      exit(1); // the host is gone
    }
  }
}

// ------------------------------------------------------------------ of the C library

final _c = DynamicLibrary.process();

/// Processes that user code starts cannot hold the pipes.
void closeOnExec() {
  final fcntl = _c.lookupFunction<Int32 Function(Int32, Int32, VarArgs<(Int32,)>), int Function(int, int, int)>('fcntl');
  for (final descriptor in [_fdIn, _fdOut]) {
    fcntl(descriptor, 2, 1); // F_SETFD, FD_CLOEXEC
  }
}

/// Before anybody has looked at Platform.environment, which remembers what it saw.
void setEnvironment(Map<String, String> all) {
  final allocate = _c.lookupFunction<Pointer<Uint8> Function(Size), Pointer<Uint8> Function(int)>('malloc');
  final set = _c.lookupFunction<Int32 Function(Pointer<Uint8>, Pointer<Uint8>, Int32), int Function(Pointer<Uint8>, Pointer<Uint8>, int)>('setenv');
  Pointer<Uint8> text(String value) {
    final bytes = utf8.encode(value);
    final place = allocate(bytes.length + 1);
    place.asTypedList(bytes.length + 1)
      ..setAll(0, bytes)
      ..[bytes.length] = 0;
    return place;
  }

  all.forEach((name, value) => set(text(name), text(value), 1));
}
