package trivet.worker;

import java.lang.reflect.Array;
import java.lang.reflect.GenericArrayType;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.WildcardType;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Parsed JSON as the type that user code wants. What does not fit is a Fault INVALID_INPUT that says where. */
final class Binder {
  private Binder() {}

  static Object bind(Object value, Type wanted) {
    return bind(value, wanted, "");
  }

  static Object bind(Object value, Type wanted, String where) {
    if (wanted instanceof WildcardType any) return bind(value, any.getUpperBounds()[0], where);
    if (wanted instanceof GenericArrayType array) return array(value, array.getGenericComponentType(), where);
    Class<?> type = raw(wanted);
    if (type == Object.class) return value;
    if (type == Optional.class) return Optional.ofNullable(bind(value, argument(wanted, 0), where));
    if (value == null) return nothing(type);
    if (value instanceof Map<?, ?> map) return ofMap(map, wanted, type, where);
    if (value instanceof List<?> list) return ofList(list, wanted, type, where);
    if (type.isInstance(value)) return value;
    if (value instanceof Number number) return number(number, type, where);
    if (value instanceof Boolean && type == boolean.class) return value;
    if (value instanceof String text) return text(text, type, where);
    throw misfit(value, type, where);
  }

  static Class<?> raw(Type type) {
    if (type instanceof Class<?> plain) return plain;
    if (type instanceof ParameterizedType generic) return (Class<?>) generic.getRawType();
    return Object.class;
  }

  private static Type argument(Type type, int index) {
    return type instanceof ParameterizedType generic ? generic.getActualTypeArguments()[index] : Object.class;
  }

  /** What stands for a value that is not there. */
  static Object nothing(Type wanted) {
    Class<?> type = raw(wanted);
    if (type == Optional.class) return Optional.empty();
    return type.isPrimitive() ? Array.get(Array.newInstance(type, 1), 0) : null;
  }

  private static Object ofMap(Map<?, ?> map, Type wanted, Class<?> type, String where) {
    if (Map.class.isAssignableFrom(type)) {
      Type values = argument(wanted, 1);
      if (raw(values) == Object.class && type.isInstance(map)) return map;
      if (!type.isAssignableFrom(LinkedHashMap.class)) throw misfit(map, type, where);
      Map<Object, Object> out = new LinkedHashMap<>();
      map.forEach((key, value) -> out.put(bind(key, argument(wanted, 0), where + key + " "), bind(value, values, where + key + " ")));
      return out;
    }
    if (type.isPrimitive() || type.isArray() || type.isEnum() || type == String.class || Number.class.isAssignableFrom(type)) throw misfit(map, type, where);
    try {
      return Shape.of(type).make(map, where);
    } catch (InvocationTargetException refused) {
      throw Fault.input("the input " + where + "cannot become a " + type.getName() + ": " + refused.getCause().getMessage());
    } catch (ReflectiveOperationException | IllegalArgumentException hidden) {
      throw Fault.input("the input " + where + "cannot become a " + type.getName() + ": " + hidden.getMessage());
    }
  }

  private static Object ofList(List<?> list, Type wanted, Class<?> type, String where) {
    if (type.isArray()) return array(list, type.getComponentType(), where);
    if (type.isAssignableFrom(Set.class) || type.isAssignableFrom(LinkedHashSet.class) && !type.isAssignableFrom(List.class)) {
      return new LinkedHashSet<>(items(list, argument(wanted, 0), where));
    }
    if (type.isInstance(list)) return raw(argument(wanted, 0)) == Object.class ? list : items(list, argument(wanted, 0), where);
    throw misfit(list, type, where);
  }

  private static Collection<Object> items(List<?> list, Type of, String where) {
    List<Object> out = new ArrayList<>(list.size());
    for (Object each : list) out.add(bind(each, of, where));
    return out;
  }

  private static Object array(Object value, Type of, String where) {
    if (value == null) return null;
    if (!(value instanceof List<?> list)) throw Fault.input("the input " + where + "is not a list");
    Object out = Array.newInstance(raw(of), list.size());
    for (int i = 0; i < list.size(); i++) Array.set(out, i, bind(list.get(i), of, where));
    return out;
  }

  private static Object number(Number value, Class<?> type, String where) {
    if (type == double.class || type == Double.class) return value.doubleValue();
    if (type == float.class || type == Float.class) return value.floatValue();
    if (type == BigDecimal.class) return new BigDecimal(value.toString());
    if (value instanceof Double fraction && fraction != Math.rint(fraction)) throw misfit(value, type, where);
    BigInteger whole = new BigDecimal(value.toString()).toBigInteger();
    int most = type == int.class || type == Integer.class ? 31 : type == long.class || type == Long.class ? 63 : type == short.class || type == Short.class ? 15
        : type == byte.class || type == Byte.class ? 7 : type == BigInteger.class ? Integer.MAX_VALUE : -1;
    if (whole.bitLength() > most) throw misfit(value, type, where);
    switch (most) {
      case 31: return whole.intValue();
      case 63: return whole.longValue();
      case 15: return whole.shortValue();
      case 7: return whole.byteValue();
      default: return whole;
    }
  }

  @SuppressWarnings({"unchecked", "rawtypes"})
  private static Object text(String text, Class<?> type, String where) {
    if ((type == char.class || type == Character.class) && text.length() == 1) return text.charAt(0);
    try {
      if (type.isEnum()) return Enum.valueOf((Class) type, text);
      if (type == java.util.UUID.class) return java.util.UUID.fromString(text);
      if (type == java.net.URI.class) return java.net.URI.create(text);
      if (type == byte[].class) return java.util.Base64.getDecoder().decode(text);
      if (type == java.nio.file.Path.class) return java.nio.file.Path.of(text);
      if (type.getName().startsWith("java.time.")) return type.getMethod("parse", CharSequence.class).invoke(null, text);
    } catch (ReflectiveOperationException | IllegalArgumentException bad) {
      throw misfit(text, type, where);
    }
    throw misfit(text, type, where);
  }

  private static Fault misfit(Object value, Class<?> type, String where) {
    String kind = value instanceof Map ? "an object" : value instanceof List ? "a list" : value instanceof String ? "text" : String.valueOf(value);
    return Fault.input("the input " + where + "is " + kind + ", and a " + type.getSimpleName() + " is wanted");
  }
}
