package trivet.worker;

import java.lang.reflect.Method;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The module interface: a call names a class of the function's own, as its file or itself is called, and a method of it. */
final class ModuleFace implements Face {
  private final Code code;
  private final Map<String, Code.Handler> known = new ConcurrentHashMap<>();

  ModuleFace(Code code) {
    this.code = code;
  }

  @Override
  public void answer(Call call) throws Throwable {
    String module = String.valueOf(call.facts().get("module"));
    String function = String.valueOf(call.facts().get("function"));
    Object parsed = JsonReader.parse(call.body);
    if (parsed != null && !(parsed instanceof List)) throw Fault.input("the arguments are not a list");
    List<?> given = parsed == null ? List.of() : (List<?>) parsed;
    String key = module + ":" + function + ":" + given.size();
    Code.Handler handler = known.get(key);
    if (handler == null) known.put(key, handler = find(module, function, given.size()));
    Type[] types = handler.method.getGenericParameterTypes();
    Object[] args = new Object[handler.takes.length];
    for (int i = 0; i < given.size(); i++) args[i] = Binder.bind(given.get(i), types[i], "argument " + (i + 1) + " ");
    Object output = JsonFace.come(handler.call(args));
    Iterator<?> values = JsonFace.values(output);
    JsonFace.conclude(call, values == null ? output : gathered(values));
  }

  private static List<Object> gathered(Iterator<?> values) {
    List<Object> all = new ArrayList<>();
    values.forEachRemaining(all::add);
    return all;
  }

  private Code.Handler find(String module, String function, int count) throws ReflectiveOperationException {
    String name = module.replace('/', '.');
    int last = name.lastIndexOf('.') + 1;
    String capital = last == name.length() ? name : name.substring(0, last) + Character.toUpperCase(name.charAt(last)) + name.substring(last + 1);
    Class<?> type = null;
    for (String each : List.of(name, capital, capital + "Kt")) {
      if (type == null && each.indexOf('$') < 0) type = code.find(each);
    }
    if (type == null) throw new Fault("FUNCTION_NOT_FOUND", "there is no module " + module);
    boolean isThere = false;
    for (Method method : type.getDeclaredMethods()) {
      if (!method.getName().equals(function) || method.isSynthetic() || !java.lang.reflect.Modifier.isPublic(method.getModifiers())) continue;
      Code.Handler found = new Code.Handler(type, method);
      if (found.takes.length - (found.suspends ? 1 : 0) == count) return found;
      isThere = true;
    }
    if (isThere) throw Fault.input(module + "." + function + " does not take " + count + " arguments");
    throw new Fault("FUNCTION_NOT_FOUND", "the module " + module + " has no function " + function);
  }
}
