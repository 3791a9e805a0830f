package trivet.worker;

/** An interface of functions: hands a call's body to user code and concludes the call with what that returns. */
interface Face {
  void answer(Call call) throws Throwable;

  static Face of(Plan plan, Code code) {
    switch (plan.face()) {
      case "context":
        return new ContextFace(code);
      case "module":
        return new ModuleFace(code);
      default:
        return new JsonFace(plan, code);
    }
  }
}
