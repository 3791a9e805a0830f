package trivet.worker;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.concurrent.CompletableFuture;

/** Calls of Kotlin's suspending functions, without Kotlin: their last parameter is a Continuation, which hears the value when it comes later. */
final class Suspended {
  private static final String CONTINUATION = "kotlin.coroutines.Continuation";

  private final Class<?> kind;
  private final Object nothing; // the context of a call that has none
  private final Object suspended; // returned by who will resume later
  private final Method throwOnFailure;

  /** `kind` is the interface. */
  Suspended(Class<?> kind) throws ReflectiveOperationException {
    this.kind = kind;
    nothing = known("kotlin.coroutines.EmptyCoroutineContext").getField("INSTANCE").get(null);
    Method marker = known("kotlin.coroutines.intrinsics.IntrinsicsKt").getMethod("getCOROUTINE_SUSPENDED");
    marker.setAccessible(true); // it is declared by a class that is not public
    suspended = marker.invoke(null);
    throwOnFailure = known("kotlin.ResultKt").getMethod("throwOnFailure", Object.class);
  }

  private Class<?> known(String name) throws ClassNotFoundException {
    return Class.forName(name, true, kind.getClassLoader());
  }

  static boolean is(Class<?> parameter) {
    return parameter.getName().equals(CONTINUATION);
  }

  /** Waits for what the function returns. The last of `args` is the continuation's place. */
  Object call(Method method, Object on, Object[] args) throws Throwable {
    CompletableFuture<Object> later = new CompletableFuture<>();
    args[args.length - 1] = Proxy.newProxyInstance(kind.getClassLoader(), new Class<?>[] {kind}, (self, asked, values) -> {
      switch (asked.getName()) {
        case "getContext":
          return nothing;
        case "resumeWith":
          later.complete(values[0]);
          return null;
        case "equals":
          return self == values[0];
        case "hashCode":
          return System.identityHashCode(self);
        default:
          return "the continuation of a call";
      }
    });
    Object now = method.invoke(on, args);
    return now == suspended ? unwrapped(later.get()) : now;
  }

  // A Result is its value, or a Failure.
  private Object unwrapped(Object result) throws Throwable {
    try {
      throwOnFailure.invoke(null, result);
    } catch (InvocationTargetException failed) {
      throw failed.getCause();
    }
    return result;
  }
}
