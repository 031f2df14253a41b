// Distribution 2.8 as Debian's docker-registry has it, with the drivers that tests need: its own main program wants
// modules that are not served any more.
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/docker/distribution/configuration"
	_ "github.com/docker/distribution/registry/auth/htpasswd"
	_ "github.com/docker/distribution/registry/auth/token"
	"github.com/docker/distribution/registry/handlers"
	_ "github.com/docker/distribution/registry/storage/driver/filesystem"
	_ "github.com/docker/distribution/registry/storage/driver/middleware/redirect"
	logging "github.com/gorilla/handlers"
)

func main() {
	file, err := os.Open(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	config, err := configuration.Parse(file)
	if err != nil {
		log.Fatal(err)
	}
	app := handlers.NewApp(context.Background(), config)
	log.Fatal(http.ListenAndServe(config.HTTP.Addr, logging.CombinedLoggingHandler(os.Stdout, app)))
}
