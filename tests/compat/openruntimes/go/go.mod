module openruntimes/handler

require github.com/open-runtimes/types-for-go/v4 v4.0.7
