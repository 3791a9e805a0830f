package trivet.worker;

import java.io.File;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.jar.JarFile;

/** The function's classes: those of the artifact, and where in them the handler is. */
final class Code {
  private static final String OWN = "function.jar"; // beside what it needs

  private final Plan plan;
  final ClassLoader loader;
  private final Set<String> own = new TreeSet<>(); // names of the function's own classes

  /** `parent` has what functions share with the worker. */
  Code(Plan plan, ClassLoader parent) throws IOException {
    this.plan = plan;
    File folder = new File(plan.output());
    File jar = new File(folder, OWN);
    List<URL> urls = new ArrayList<>();
    urls.add(jar.toURI().toURL());
    for (String needed : Pack.NEEDED) add(urls, new File(folder, needed).listFiles());
    loader = new URLClassLoader(urls.toArray(new URL[0]), parent);
    try (JarFile file = new JarFile(jar)) {
      file.stream().map(entry -> entry.getName()).filter(name -> name.endsWith(".class") && !name.startsWith("META-INF/"))
          .forEach(name -> own.add(name.substring(0, name.length() - 6).replace('/', '.')));
    }
  }

  private static void add(List<URL> urls, File[] files) throws MalformedURLException {
    if (files == null) return;
    Arrays.sort(files);
    for (File file : files) {
      if (file.getName().endsWith(".jar")) urls.add(file.toURI().toURL());
    }
  }

  /** A class of the function's own, initialised; null when there is none. */
  Class<?> find(String name) throws ClassNotFoundException {
    return own.contains(name) ? Class.forName(name, true, loader) : null;
  }

  /** What a file of that name makes: the class of the name, in Kotlin also that of the file's functions. First what is spelled the same. */
  private Set<String> candidates(String stem) {
    Set<String> found = new LinkedHashSet<>();
    String capital = stem.isEmpty() ? stem : Character.toUpperCase(stem.charAt(0)) + stem.substring(1);
    for (String wanted : List.of(stem, capital, capital + "Kt")) {
      for (String name : own) {
        if (name.equals(wanted) || name.endsWith("." + wanted)) found.add(name);
      }
    }
    for (String name : own) {
      if (name.substring(name.lastIndexOf('.') + 1).equalsIgnoreCase(stem)) found.add(name);
    }
    return found;
  }

  /** The program that a stdio function is. */
  Method program() throws ReflectiveOperationException {
    for (String name : candidates(stem())) {
      try {
        Method main = find(name).getDeclaredMethod("main", String[].class);
        main.setAccessible(true);
        return main;
      } catch (NoSuchMethodException other) {
        // the next
      }
    }
    throw new Fault("LOAD_FAILED", plan.entrypoint() + " has no class with a public static void main(String[] args)");
  }

  private String stem() {
    String file = plan.entrypoint().substring(plan.entrypoint().lastIndexOf('/') + 1);
    int dot = file.lastIndexOf('.');
    return dot < 0 ? file : file.substring(0, dot);
  }

  /**
   * The handler: that of the manifest ("name", "Class.name", "package.Class::name"), or the first of `names` in the class that is called as the file
   * is; in a file with a class of another name, in any class.
   */
  Handler handler(String... names) throws ReflectiveOperationException {
    String told = plan.handler().replace("::", ".");
    int dot = told.lastIndexOf('.');
    List<String> wanted = told.isEmpty() ? List.of(names) : List.of(told.substring(dot + 1));
    Set<String> places = new LinkedHashSet<>();
    if (dot > 0) places.addAll(candidates(told.substring(0, dot)));
    else {
      places.addAll(candidates(stem()));
      if (places.isEmpty()) places.addAll(own);
    }
    for (String place : places) {
      if (place.indexOf('$') >= 0) continue;
      Class<?> type = find(place);
      for (String name : wanted) {
        Method method = method(type, name);
        if (method != null) return new Handler(type, method);
      }
    }
    throw new Fault("LOAD_FAILED", plan.entrypoint() + " must have a method " + String.join(" or ", wanted) + "; looked at: "
        + (places.isEmpty() ? "no class" : String.join(", ", places)));
  }

  /** A method of that name which calls may reach. With several, the one that takes most. */
  static Method method(Class<?> type, String name) {
    Method best = null;
    for (Method each : type.getDeclaredMethods()) {
      boolean fits = each.getName().equals(name) && !each.isSynthetic() && !Modifier.isPrivate(each.getModifiers());
      if (fits && (best == null || each.getParameterCount() > best.getParameterCount())) best = each;
    }
    return best;
  }

  /** A method and the object that it is called on: one for all calls of a worker. */
  static final class Handler {
    final Method method;
    final Class<?>[] takes;
    final boolean suspends; // of Kotlin: what it returns may come later
    private final Suspended suspended;
    private final Object on;

    Handler(Class<?> type, Method method) throws ReflectiveOperationException {
      this.method = method;
      method.setAccessible(true);
      takes = method.getParameterTypes();
      suspends = takes.length > 0 && Suspended.is(takes[takes.length - 1]);
      suspended = suspends ? new Suspended(takes[takes.length - 1]) : null;
      on = Modifier.isStatic(method.getModifiers()) ? null : instance(type);
    }

    private static Object instance(Class<?> type) throws ReflectiveOperationException {
      try {
        for (java.lang.reflect.Field field : type.getDeclaredFields()) {
          if (field.getName().equals("INSTANCE") && field.getType() == type) return field.get(null); // a Kotlin object
        }
        java.lang.reflect.Constructor<?> make = type.getDeclaredConstructor();
        make.setAccessible(true);
        return make.newInstance();
      } catch (NoSuchMethodException none) {
        throw new Fault("LOAD_FAILED", type.getName() + " must have a constructor without parameters, or its handler must be static");
      } catch (InvocationTargetException thrown) {
        throw Failures.raise(thrown.getCause());
      }
    }

    /** `args` has a place for the continuation, when there is one. */
    Object call(Object[] args) throws Throwable {
      try {
        return suspends ? suspended.call(method, on, args) : method.invoke(on, args);
      } catch (InvocationTargetException thrown) {
        throw thrown.getCause();
      }
    }
  }
}
