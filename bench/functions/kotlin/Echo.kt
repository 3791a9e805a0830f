fun handle(input: Any?): Any? = input
