package trivet.worker;

import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What a class of user code has for JSON: members to read, and a way to be made of them. Found out once per class. */
final class Shape {
  /** A component, a getter or a public field. */
  record Member(String name, Method getter, Field field) {
    Object get(Object of) {
      try {
        return getter != null ? getter.invoke(of) : field.get(of);
      } catch (InvocationTargetException thrown) {
        throw Failures.raise(thrown.getCause());
      } catch (IllegalAccessException hidden) {
        throw Fault.output("the returned value cannot be JSON: " + name + " of " + of.getClass().getName() + " is not public");
      }
    }
  }

  /** What an object is made with: names and types, in the order of the maker's parameters. */
  record Part(String name, Type type) {}

  private static final String MARKER = "kotlin.jvm.internal.DefaultConstructorMarker"; // of a constructor that fills in default values
  private static final ClassValue<Shape> KNOWN = new ClassValue<>() {
    @Override
    protected Shape computeValue(Class<?> type) {
      return new Shape(type);
    }
  };

  final Member[] members;
  private final Class<?> type;
  private final List<Part> parts = new ArrayList<>();
  private Constructor<?> maker; // takes the parts, or nothing
  private Constructor<?> filling; // of Kotlin: the parts, a bit for each that is missing, the marker
  private final Map<String, Field> fields = new LinkedHashMap<>();
  private final Map<String, Method> setters = new LinkedHashMap<>();

  static Shape of(Class<?> type) {
    return KNOWN.get(type);
  }

  private Shape(Class<?> type) {
    this.type = type;
    boolean isOurs = type.getClassLoader() != null && type.getClassLoader() != ClassLoader.getPlatformClassLoader();
    members = isOurs ? readable() : new Member[0];
    if (isOurs) findMaker();
  }

  private Member[] readable() {
    if (type.isSynthetic() || type.isHidden()) return new Member[0]; // a lambda
    Map<String, Member> found = new LinkedHashMap<>();
    if (type.isRecord()) {
      for (RecordComponent component : type.getRecordComponents()) add(found, component.getName(), component.getAccessor());
      return found.values().toArray(new Member[0]);
    }
    Map<String, Method> getters = new TreeMap<>();
    for (Method method : type.getMethods()) {
      String name = nameOf(method);
      if (name != null) getters.put(name, method);
    }
    // In the order in which the fields are written down; what has no field comes last.
    for (Field field : type.getDeclaredFields()) {
      if (getters.containsKey(field.getName())) add(found, field.getName(), getters.remove(field.getName()));
    }
    getters.forEach((name, getter) -> add(found, name, getter));
    for (Field field : type.getFields()) {
      if (!Modifier.isStatic(field.getModifiers()) && !found.containsKey(field.getName())) {
        field.setAccessible(true);
        found.put(field.getName(), new Member(field.getName(), null, field));
      }
    }
    return found.values().toArray(new Member[0]);
  }

  private static void add(Map<String, Member> found, String name, Method getter) {
    getter.setAccessible(true);
    found.put(name, new Member(name, getter, null));
  }

  private static String nameOf(Method method) {
    boolean isOther = Modifier.isStatic(method.getModifiers()) || method.getParameterCount() > 0 || method.getReturnType() == void.class
        || method.getDeclaringClass() == Object.class;
    if (isOther) return null;
    String name = method.getName();
    int skip = name.startsWith("get") ? 3 : name.startsWith("is") && method.getReturnType() == boolean.class ? 2 : 0;
    if (skip == 0 || name.length() == skip || !Character.isUpperCase(name.charAt(skip))) return null;
    return Character.toLowerCase(name.charAt(skip)) + name.substring(skip + 1);
  }

  private void findMaker() {
    if (Modifier.isAbstract(type.getModifiers())) return;
    Constructor<?> widest = null;
    Constructor<?> empty = null;
    for (Constructor<?> each : type.getDeclaredConstructors()) {
      Class<?>[] takes = each.getParameterTypes();
      if (takes.length > 0 && takes[takes.length - 1].getName().equals(MARKER)) filling = each;
      else if (takes.length == 0) empty = each;
      else if (!each.isSynthetic() && (widest == null || takes.length > widest.getParameterCount())) widest = each;
    }
    if (type.isRecord()) recordMaker();
    else if (widest != null && (empty == null || filling != null) && isNamed(widest)) namedMaker(widest);
    else if (empty != null) maker = empty;
    if (maker != null) maker.setAccessible(true);
    if (filling != null) filling.setAccessible(true);
    if (maker != null && parts.isEmpty()) findSetters();
  }

  private void recordMaker() {
    RecordComponent[] components = type.getRecordComponents();
    Class<?>[] takes = new Class<?>[components.length];
    for (int i = 0; i < takes.length; i++) {
      takes[i] = components[i].getType();
      parts.add(new Part(components[i].getName(), components[i].getGenericType()));
    }
    try {
      maker = type.getDeclaredConstructor(takes);
    } catch (NoSuchMethodException impossible) {
      throw new AssertionError(impossible);
    }
  }

  // Compilers keep the names when they are told -parameters or -java-parameters, which the builds do.
  private static boolean isNamed(Constructor<?> constructor) {
    for (Parameter parameter : constructor.getParameters()) {
      if (!parameter.isNamePresent()) return false;
    }
    return true;
  }

  private void namedMaker(Constructor<?> constructor) {
    maker = constructor;
    Type[] types = constructor.getGenericParameterTypes();
    Parameter[] parameters = constructor.getParameters();
    for (int i = 0; i < parameters.length; i++) {
      Type generic = types.length == parameters.length ? types[i] : parameters[i].getType();
      parts.add(new Part(parameters[i].getName(), generic));
    }
    if (filling != null && filling.getParameterCount() != parts.size() + 1 + (parts.size() + 31) / 32) filling = null;
  }

  private void findSetters() {
    for (Class<?> at = type; at != null && at != Object.class; at = at.getSuperclass()) {
      for (Field field : at.getDeclaredFields()) {
        if (!Modifier.isStatic(field.getModifiers()) && !Modifier.isFinal(field.getModifiers()) && fields.putIfAbsent(field.getName(), field) == null) {
          field.setAccessible(true);
        }
      }
    }
    for (Method method : type.getMethods()) {
      if (method.getName().startsWith("set") && method.getName().length() > 3 && method.getParameterCount() == 1 && !Modifier.isStatic(method.getModifiers())) {
        method.setAccessible(true);
        setters.put(Character.toLowerCase(method.getName().charAt(3)) + method.getName().substring(4), method);
      }
    }
  }

  /** An object of this class, made of a JSON object. What the class does not know is left out; what is missing is null, 0, false or a default. */
  Object make(Map<?, ?> from, String where) throws ReflectiveOperationException {
    if (maker == null) throw Fault.input("the input " + where + "cannot become a " + type.getName() + ": it has no constructor for that");
    if (parts.isEmpty()) return filled(maker.newInstance(), from, where);
    Object[] values = new Object[parts.size()];
    int[] missing = new int[(values.length + 31) / 32];
    boolean isWhole = true;
    for (int i = 0; i < values.length; i++) {
      Part part = parts.get(i);
      boolean isThere = from.containsKey(part.name());
      if (!isThere) missing[i / 32] |= 1 << i % 32;
      isWhole &= isThere;
      values[i] = isThere ? Binder.bind(from.get(part.name()), part.type(), where + part.name() + " ") : Binder.nothing(part.type());
    }
    if (isWhole || filling == null) return maker.newInstance(values);
    Object[] all = java.util.Arrays.copyOf(values, filling.getParameterCount());
    for (int i = 0; i < missing.length; i++) all[values.length + i] = missing[i];
    return filling.newInstance(all);
  }

  private Object filled(Object made, Map<?, ?> from, String where) throws ReflectiveOperationException {
    for (Map.Entry<?, ?> entry : from.entrySet()) {
      String name = String.valueOf(entry.getKey());
      Method setter = setters.get(name);
      Field field = fields.get(name);
      if (setter != null) setter.invoke(made, Binder.bind(entry.getValue(), setter.getGenericParameterTypes()[0], where + name + " "));
      else if (field != null) field.set(made, Binder.bind(entry.getValue(), field.getGenericType(), where + name + " "));
    }
    return made;
  }
}
