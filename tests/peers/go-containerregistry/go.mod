module image-watcher-test-go-containerregistry

go 1.26

require (
	github.com/google/go-containerregistry v0.21.9
	github.com/gorilla/handlers v1.5.2
)

require github.com/felixge/httpsnoop v1.0.4 // indirect
