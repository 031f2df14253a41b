// The example provider of zitadel/oidc on an address of its own, for a client of our name: what it says of people says their groups
// too. Its form, its protocol, its keys and its storage are its own.
package main

import (
	"context"
	"encoding/json"
	"log"
	"log/slog"
	"net/http"
	"os"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// Settings is what the file says that is the only argument.
type Settings struct {
	Address   string
	ID        string
	Secret    string
	Redirects []string
	// Users as zitadel/oidc reads them, by their ids, and the groups of each.
	Users  map[string]*storage.User
	Groups map[string][]string
	// Bare leaves all but the subject out of ID tokens, as many providers do unless they are told.
	Bare bool
}

type users map[string]*storage.User

func (all users) GetUserByID(id string) *storage.User { return all[id] }

func (all users) ExampleClientID() string { return storage.ServiceUserID }

func (all users) GetUserByUsername(name string) *storage.User {
	for _, user := range all {
		if user.Username == name {
			return user
		}
	}
	return nil
}

type store struct {
	*storage.Storage
	settings Settings
}

type client struct {
	op.Client
	bare bool
}

func (it client) IDTokenUserinfoClaimsAssertion() bool { return !it.bare }

func (it store) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	found, err := it.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	return client{found, it.settings.Bare}, nil
}

func (it store) SetUserinfoFromRequest(ctx context.Context, said *oidc.UserInfo, token op.IDTokenRequest, scopes []string) error {
	if err := it.Storage.SetUserinfoFromRequest(ctx, said, token, scopes); err != nil {
		return err
	}
	if groups := it.settings.Groups[token.GetSubject()]; groups != nil && !it.settings.Bare {
		said.AppendClaims("groups", groups)
	}
	return nil
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var settings Settings
	if err := json.Unmarshal(text, &settings); err != nil {
		log.Fatal(err)
	}
	storage.RegisterClients(storage.WebClient(settings.ID, settings.Secret, settings.Redirects...))
	stored := store{storage.NewStorage(users(settings.Users)), settings}
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	router := exampleop.SetupServer("http://"+settings.Address, stored, logger, false)
	log.Fatal(http.ListenAndServe(settings.Address, router))
}
