// go-containerregistry's registry with referrers, which its own main program does not offer.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/gorilla/handlers"
)

func main() {
	app := registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(os.Stdout, "", 0)))
	log.Fatal(http.ListenAndServe(os.Args[1], handlers.CombinedLoggingHandler(os.Stdout, app)))
}
