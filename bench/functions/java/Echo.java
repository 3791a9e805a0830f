public class Echo {
  public Object handle(Object input) {
    return input;
  }
}
