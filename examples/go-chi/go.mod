module notes

go 1.20

require github.com/go-chi/chi/v5 v5.2.3
