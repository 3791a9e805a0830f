package trivet.worker;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * JSON from bytes: maps in their order, lists, strings, booleans, null; a whole number is the smallest of Integer, Long and BigInteger, any other a
 * Double. What is not JSON, or not UTF-8, is a Fault INVALID_INPUT.
 */
public final class JsonReader {
  private static final int DEPTH_MOST = 512;
  private static final int NAMES = 256; // remembered names of members, by their bytes: most inputs have the same again and again
  private static final String[] names = new String[NAMES];

  private final byte[] text;
  private int at;
  private int depth;

  private JsonReader(byte[] text) {
    this.text = text;
  }

  /** An empty text is null. */
  public static Object parse(byte[] text) {
    if (text.length == 0) return null;
    JsonReader reader = new JsonReader(text);
    reader.blanks();
    Object value = reader.value();
    reader.blanks();
    if (reader.at < text.length) throw reader.wrong("there is more after its end");
    return value;
  }

  @SuppressWarnings("unchecked")
  static Map<String, Object> object(byte[] text) {
    return text.length == 0 ? Map.of() : (Map<String, Object>) parse(text);
  }

  private Fault wrong(String what) {
    return Fault.input("the input is not JSON: " + what + " at byte " + at);
  }

  private int peek() {
    if (at >= text.length) throw wrong("it ends early");
    return text[at];
  }

  private void blanks() {
    while (at < text.length && (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t')) at++;
  }

  private Object value() {
    switch (peek()) {
      case '{':
        return members();
      case '[':
        return items();
      case '"':
        return string(false);
      case 't':
        return word("true", Boolean.TRUE);
      case 'f':
        return word("false", Boolean.FALSE);
      case 'n':
        return word("null", null);
      default:
        return number();
    }
  }

  private Object word(String word, Object value) {
    for (int i = 0; i < word.length(); i++) {
      if (at + i >= text.length || text[at + i] != word.charAt(i)) throw wrong("an unknown word");
    }
    at += word.length();
    return value;
  }

  private void deeper() {
    at++;
    if (++depth > DEPTH_MOST) throw wrong("it is nested too deeply");
    blanks();
  }

  private Map<String, Object> members() {
    Map<String, Object> map = new LinkedHashMap<>();
    deeper();
    if (peek() != '}') {
      for (;;) {
        if (peek() != '"') throw wrong("a name is missing");
        String name = string(true);
        blanks();
        if (peek() != ':') throw wrong("a colon is missing");
        at++;
        blanks();
        map.put(name, value());
        if (isLast('}')) break;
      }
    }
    at++;
    depth--;
    return map;
  }

  private List<Object> items() {
    List<Object> list = new ArrayList<>();
    deeper();
    if (peek() != ']') {
      do list.add(value());
      while (!isLast(']'));
    }
    at++;
    depth--;
    return list;
  }

  private boolean isLast(char end) {
    blanks();
    int next = peek();
    if (next == end) return true;
    if (next != ',') throw wrong("a comma is missing");
    at++;
    blanks();
    return false;
  }

  private String string(boolean isName) {
    int begin = ++at;
    int hash = 0;
    for (;; at++) {
      int c = peek();
      if (c == '"') break;
      if (c == '\\' || c < ' ') return rest(begin); // also bytes of what is not ASCII: they are negative
      hash = 31 * hash + c;
    }
    int size = at++ - begin;
    if (!isName) return ascii(begin, size);
    String known = names[(hash ^ hash >>> 8) & NAMES - 1];
    if (known != null && isSame(known, begin, size)) return known;
    return names[(hash ^ hash >>> 8) & NAMES - 1] = ascii(begin, size);
  }

  private boolean isSame(String known, int begin, int size) {
    if (known.length() != size) return false;
    for (int i = 0; i < size; i++) {
      if (known.charAt(i) != text[begin + i]) return false;
    }
    return true;
  }

  private String ascii(int begin, int size) {
    return new String(text, begin, size, StandardCharsets.ISO_8859_1);
  }

  // A string with escapes, or with letters that are not ASCII. What is between escapes is decoded in one go.
  private String rest(int begin) {
    StringBuilder out = null;
    int from = begin;
    for (;;) {
      int c = peek();
      if (c == '"' || c == '\\') {
        String piece = decoded(from, at);
        if (c == '"' && out == null) out = new StringBuilder(0).append(piece);
        else (out = out == null ? new StringBuilder() : out).append(piece);
        at++;
        if (c == '"') return out.toString();
        out.append(escape());
        from = at;
      } else {
        if (c >= 0 && c < ' ') throw wrong("a control character in a string");
        at++;
      }
    }
  }

  private String decoded(int from, int to) {
    if (from == to) return "";
    String piece = new String(text, from, to - from, StandardCharsets.UTF_8);
    // What is not UTF-8 decodes to U+FFFD, which an input may also hold rightly.
    if (piece.indexOf('\ufffd') >= 0 && !Arrays.equals(piece.getBytes(StandardCharsets.UTF_8), Arrays.copyOfRange(text, from, to))) {
      throw Fault.input("the input is not UTF-8");
    }
    return piece;
  }

  private char escape() {
    int c = peek();
    at++;
    switch (c) {
      case 'n': return '\n';
      case 't': return '\t';
      case 'r': return '\r';
      case 'b': return '\b';
      case 'f': return '\f';
      case '"': case '\\': case '/': return (char) c;
      case 'u': break;
      default: throw wrong("an unknown escape");
    }
    int unit = 0;
    for (int i = 0; i < 4; i++, at++) {
      int digit = Character.digit(peek(), 16);
      if (digit < 0) throw wrong("a bad \\u escape");
      unit = unit << 4 | digit;
    }
    return (char) unit;
  }

  private Object number() {
    int begin = at;
    if (peek() == '-') at++;
    int first = at;
    int digits = digits();
    if (digits == 0) throw at == begin ? wrong("an unexpected character") : wrong("a digit is missing");
    if (digits > 1 && text[first] == '0') throw wrong("a number with a leading zero");
    boolean isWhole = true;
    if (at < text.length && text[at] == '.') {
      at++;
      isWhole = false;
      if (digits() == 0) throw wrong("a digit is missing");
    }
    if (at < text.length && (text[at] | 32) == 'e') {
      at++;
      isWhole = false;
      if (peek() == '+' || text[at] == '-') at++;
      if (digits() == 0) throw wrong("a digit is missing");
    }
    if (isWhole && digits < 19) return whole(begin, first);
    String all = ascii(begin, at - begin);
    if (isWhole) {
      BigInteger big = new BigInteger(all);
      return big.bitLength() < 64 ? (Object) big.longValue() : big;
    }
    return Double.valueOf(all);
  }

  private Object whole(int begin, int first) {
    long value = 0;
    for (int i = first; i < at; i++) value = 10 * value + text[i] - '0';
    if (begin != first) value = -value;
    return (int) value == value ? (Object) (int) value : (Object) value;
  }

  private int digits() {
    int begin = at;
    while (at < text.length && text[at] >= '0' && text[at] <= '9') at++;
    return at - begin;
  }
}
