package trivet.worker;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/** Calls of Kotlin's suspending functions, without Kotlin: their last parameter is a Continuation, which hears the value when it comes later. */
final class Suspended {
  private static final String CONTINUATION = "kotlin.coroutines.Continuation";

  private Suspended() {}

  static boolean is(Class<?> parameter) {
    return parameter.getName().equals(CONTINUATION);
  }

  static Object call(Method method, Object on, Object[] args) throws Throwable {
    Class<?> kind = method.getParameterTypes()[args.length - 1];
    ClassLoader loader = kind.getClassLoader();
    Object nothing = Class.forName("kotlin.coroutines.EmptyCoroutineContext", true, loader).getField("INSTANCE").get(null);
    CompletableFuture<Object> later = new CompletableFuture<>();
    args[args.length - 1] = Proxy.newProxyInstance(loader, new Class<?>[] {kind}, (self, asked, values) -> {
      switch (asked.getName()) {
        case "getContext":
          return nothing;
        case "resumeWith":
          return later.complete(values[0]);
        case "equals":
          return self == values[0];
        case "hashCode":
          return System.identityHashCode(self);
        default:
          return "the continuation of a call";
      }
    });
    Object now = method.invoke(on, args);
    Object suspended = Class.forName("kotlin.coroutines.intrinsics.IntrinsicsKt", true, loader).getMethod("getCOROUTINE_SUSPENDED").invoke(null);
    if (now != suspended) return now;
    try {
      return unwrapped(later.get(), loader);
    } catch (ExecutionException impossible) {
      throw impossible.getCause();
    }
  }

  // A Result is its value, or a Failure.
  private static Object unwrapped(Object result, ClassLoader loader) throws Throwable {
    try {
      Class.forName("kotlin.ResultKt", true, loader).getMethod("throwOnFailure", Object.class).invoke(null, result);
    } catch (InvocationTargetException failed) {
      throw failed.getCause();
    }
    return result;
  }
}
