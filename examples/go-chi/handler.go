// Package notes is a small chi application as a function: notes in the memory of one worker, exported as a stream.
//
//	go mod download
//	trivet serve .            # then http://127.0.0.1:7000/function/go-chi/notes
package notes

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"trivet"
)

// Handler is what the interface http looks for: a variable, or a func Handler(w, r).
var Handler http.Handler = router()

type note struct {
	ID   int       `json:"id"`
	Text string    `json:"text"`
	Made time.Time `json:"made"`
}

type notes struct {
	mutex sync.Mutex
	all   []note
}

func router() http.Handler {
	kept := &notes{}
	r := chi.NewRouter()
	r.Use(middleware.Recoverer, middleware.Compress(5))
	r.Route("/notes", func(r chi.Router) {
		r.With(middleware.AllowContentType("application/json")).Post("/", kept.add)
		r.Get("/{id}", kept.get)
		r.Get("/export", kept.export)
	})
	return r
}

func (n *notes) add(w http.ResponseWriter, r *http.Request) {
	var made note
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&made); err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	n.mutex.Lock()
	made.ID, made.Made = len(n.all)+1, time.Now()
	n.all = append(n.all, made)
	n.mutex.Unlock()
	ctx := trivet.FromContext(r.Context())
	ctx.Go(func() { ctx.Log.Info("noted", map[string]any{"id": made.ID}) })
	w.Header().Set("Location", fmt.Sprint("notes/", made.ID))
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(made)
}

func (n *notes) get(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(chi.URLParam(r, "id"))
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if err != nil || id < 1 || id > len(n.all) {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(n.all[id-1])
}

// export writes a line for each note, and each at once.
func (n *notes) export(w http.ResponseWriter, r *http.Request) {
	n.mutex.Lock()
	all := append([]note(nil), n.all...)
	n.mutex.Unlock()
	w.Header().Set("Content-Type", "application/x-ndjson")
	for _, each := range all {
		if json.NewEncoder(w).Encode(each) != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
	}
}
