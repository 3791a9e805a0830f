package trivet.worker;

import java.lang.reflect.Array;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;

/**
 * Values as JSON: maps, iterables, arrays, text, numbers, booleans, enums, records, and classes with getters or public fields (Shape). Bytes become
 * base64. What JSON cannot hold is a Fault INVALID_OUTPUT.
 */
public final class JsonWriter {
  private static final int DEPTH_MOST = 512;
  private static final double PLAIN_FROM = 1e7, PLAIN_BELOW = 1e15;
  private static final byte[] HEX = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);

  private JsonWriter() {}

  public static String text(Object value) {
    return new String(bytes(value), StandardCharsets.UTF_8);
  }

  public static byte[] bytes(Object value) {
    Buffer out = new Buffer(0);
    write(out, value);
    return out.copy(0);
  }

  static void write(Buffer out, Object value) {
    write(out, value, 0);
  }

  private static void write(Buffer out, Object value, int depth) {
    if (value == null) out.ascii("null");
    else if (value instanceof String text) string(out, text);
    else if (value instanceof Integer || value instanceof Long) integer(out, ((Number) value).longValue());
    else if (value instanceof Boolean) out.ascii((Boolean) value ? "true" : "false");
    else if (depth == DEPTH_MOST) throw Fault.output("the returned value cannot be JSON: it is nested too deeply, or holds itself");
    else if (value instanceof Map<?, ?> map) members(out, map, depth);
    else if (value instanceof Iterable<?> items && !(value instanceof java.nio.file.Path)) items(out, items, depth);
    else other(out, value, depth);
  }

  private static void other(Buffer out, Object value, int depth) {
    if (value instanceof Number number) number(out, number);
    else if (value instanceof CharSequence || value instanceof Character) string(out, value.toString());
    else if (value instanceof Enum<?> constant) string(out, constant.name());
    else if (value instanceof Optional<?> maybe) write(out, maybe.orElse(null), depth);
    else if (value instanceof byte[] bytes) string(out, Base64.getEncoder().encodeToString(bytes));
    else if (value.getClass().isArray()) array(out, value, depth);
    else if (isText(value)) string(out, value.toString());
    else object(out, value, depth);
  }

  // Classes of the JDK whose text is their value.
  private static boolean isText(Object value) {
    return value instanceof java.time.temporal.TemporalAccessor || value instanceof java.time.temporal.TemporalAmount
        || value instanceof java.util.UUID || value instanceof java.net.URI || value instanceof java.net.URL || value instanceof java.util.Locale
        || value instanceof java.util.Currency || value instanceof java.time.ZoneId || value instanceof java.io.File
        || value instanceof java.nio.file.Path;
  }

  private static void members(Buffer out, Map<?, ?> map, int depth) {
    out.put('{');
    boolean isFirst = true;
    for (Map.Entry<?, ?> entry : map.entrySet()) {
      if (!isFirst) out.put(',');
      isFirst = false;
      Object key = entry.getKey();
      string(out, key instanceof Enum<?> constant ? constant.name() : String.valueOf(key));
      out.put(':');
      write(out, entry.getValue(), depth + 1);
    }
    out.put('}');
  }

  private static void items(Buffer out, Iterable<?> items, int depth) {
    out.put('[');
    boolean isFirst = true;
    for (Object item : items) {
      if (!isFirst) out.put(',');
      isFirst = false;
      write(out, item, depth + 1);
    }
    out.put(']');
  }

  private static void array(Buffer out, Object array, int depth) {
    out.put('[');
    for (int i = 0, length = Array.getLength(array); i < length; i++) {
      if (i > 0) out.put(',');
      write(out, Array.get(array, i), depth + 1);
    }
    out.put(']');
  }

  private static void object(Buffer out, Object value, int depth) {
    Shape shape = Shape.of(value.getClass());
    if (shape.members.length == 0) throw Fault.output("the returned value cannot be JSON: it is a " + value.getClass().getName());
    out.put('{');
    boolean isFirst = true;
    for (Shape.Member member : shape.members) {
      if (!isFirst) out.put(',');
      isFirst = false;
      string(out, member.name());
      out.put(':');
      write(out, member.get(value), depth + 1);
    }
    out.put('}');
  }

  private static void number(Buffer out, Number number) {
    if (number instanceof Double || number instanceof Float) {
      double value = number.doubleValue();
      if (Double.isNaN(value) || Double.isInfinite(value)) throw Fault.output("the returned value cannot be JSON: it has a number that is " + value);
      if (Math.abs(value) >= PLAIN_FROM && Math.abs(value) < PLAIN_BELOW && value == Math.rint(value)) {
        out.ascii(Long.toString((long) value) + ".0"); // not with an E, as Java has it
        return;
      }
    }
    out.ascii(number.toString());
  }

  private static void integer(Buffer out, long value) {
    if (value < 0 || value > 999) {
      out.ascii(Long.toString(value));
      return;
    }
    if (value > 99) out.put('0' + (int) value / 100);
    if (value > 9) out.put('0' + (int) value / 10 % 10);
    out.put('0' + (int) value % 10);
  }

  static void string(Buffer out, String text) {
    int length = text.length();
    out.room(length + 2);
    byte[] bytes = out.bytes;
    int begin = out.size;
    bytes[begin] = '"';
    for (int i = 0; i < length; i++) {
      char c = text.charAt(i);
      if (c < ' ' || c == '"' || c == '\\' || c > 126) {
        out.size = begin + 1 + i;
        rest(out, text, i);
        return;
      }
      bytes[begin + 1 + i] = (byte) c;
    }
    bytes[begin + 1 + length] = '"';
    out.size = begin + length + 2;
  }

  private static void rest(Buffer out, String text, int from) {
    for (int i = from; i < text.length(); i++) {
      out.room(8);
      char c = text.charAt(i);
      if (c < ' ' || c == '"' || c == '\\') escape(out, c);
      else if (c < 0x80) out.put(c);
      else if (c < 0x800) two(out, c);
      else if (!Character.isSurrogate(c)) three(out, c);
      else if (Character.isHighSurrogate(c) && i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1))) four(out, Character.toCodePoint(c, text.charAt(++i)));
      else unit(out, c); // half a pair, which UTF-8 does not have
    }
    out.put('"');
  }

  private static void escape(Buffer out, char c) {
    int letter = c == '"' || c == '\\' ? c : c == '\n' ? 'n' : c == '\t' ? 't' : c == '\r' ? 'r' : 0;
    if (letter == 0) {
      unit(out, c);
      return;
    }
    out.put('\\');
    out.put(letter);
  }

  private static void unit(Buffer out, char c) {
    out.ascii("\\u");
    for (int shift = 12; shift >= 0; shift -= 4) out.put(HEX[c >> shift & 15]);
  }

  private static void two(Buffer out, int c) {
    out.put(0xC0 | c >> 6);
    out.put(0x80 | c & 63);
  }

  private static void three(Buffer out, int c) {
    out.put(0xE0 | c >> 12);
    out.put(0x80 | c >> 6 & 63);
    out.put(0x80 | c & 63);
  }

  private static void four(Buffer out, int c) {
    out.put(0xF0 | c >> 18);
    out.put(0x80 | c >> 12 & 63);
    out.put(0x80 | c >> 6 & 63);
    out.put(0x80 | c & 63);
  }
}
