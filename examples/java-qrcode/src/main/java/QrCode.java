import com.google.zxing.BarcodeFormat;
import com.google.zxing.ChecksumException;
import com.google.zxing.FormatException;
import com.google.zxing.WriterException;
import com.google.zxing.common.BitMatrix;
import com.google.zxing.qrcode.QRCodeWriter;
import com.google.zxing.qrcode.decoder.Decoder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import trivet.Context;

/** QR codes: {"text": "..."} becomes a picture (SVG) and its rows; {"rows": [...]} becomes the text again. */
public class QrCode {
  record Input(String text, List<String> rows) {}

  record Code(int size, List<String> rows, String svg) {}

  private static final int QUIET = 4; // modules of white around a code

  public Object handle(Input input, Context ctx) throws WriterException, ChecksumException, FormatException {
    if (input.rows() != null) return Map.of("text", new Decoder().decode(bits(input.rows())).getText());
    if (input.text() == null) throw new IllegalArgumentException("give `text`, or the `rows` of a code");
    BitMatrix code = new QRCodeWriter().encode(input.text(), BarcodeFormat.QR_CODE, 0, 0, Map.of(com.google.zxing.EncodeHintType.MARGIN, 0));
    ctx.getLog().info("made a code", Map.of("size", code.getWidth()));
    return new Code(code.getWidth(), rows(code), svg(code));
  }

  private static List<String> rows(BitMatrix code) {
    List<String> rows = new ArrayList<>();
    for (int y = 0; y < code.getHeight(); y++) {
      StringBuilder row = new StringBuilder();
      for (int x = 0; x < code.getWidth(); x++) row.append(code.get(x, y) ? '#' : '.');
      rows.add(row.toString());
    }
    return rows;
  }

  private static boolean[][] bits(List<String> rows) {
    boolean[][] bits = new boolean[rows.size()][];
    for (int y = 0; y < bits.length; y++) {
      bits[y] = new boolean[rows.get(y).length()];
      for (int x = 0; x < bits[y].length; x++) bits[y][x] = rows.get(y).charAt(x) == '#';
    }
    return bits;
  }

  private static String svg(BitMatrix code) {
    int size = code.getWidth() + 2 * QUIET;
    StringBuilder path = new StringBuilder();
    for (int y = 0; y < code.getHeight(); y++) {
      for (int x = 0; x < code.getWidth(); x++) {
        if (code.get(x, y)) path.append("M").append(x + QUIET).append(' ').append(y + QUIET).append("h1v1h-1z");
      }
    }
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + size + " " + size + "\"><path d=\"" + path + "\"/></svg>";
  }
}
