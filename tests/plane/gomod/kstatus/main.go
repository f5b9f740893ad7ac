// Kstatus prints, for each JSON object on standard input, what cli-utils' kstatus makes of it: a line of status and words.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

func main() {
	decoder := json.NewDecoder(os.Stdin)
	for {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(told(raw))
	}
}

func told(raw json.RawMessage) string {
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(raw); err != nil {
		return fmt.Sprintf("Unreadable %s", err)
	}
	result, err := status.Compute(object)
	if err != nil {
		return fmt.Sprintf("Error %s", err)
	}
	return fmt.Sprintf("%s %s", result.Status, result.Message)
}
