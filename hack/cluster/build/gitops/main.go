// What GitOps tools make of an object of ours, by their own libraries: kstatus (kubectl, Helm, Flux), Flux's
// health expressions, and the Lua interpreter of Argo CD. One question in JSON a line, one answer a line.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"

	fluxstatus "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kjson "sigs.k8s.io/json"

	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type question struct {
	// kstatus, flux, health, discovery or action.
	Ask string `json:"ask"`
	// Kept as it came: numbers are then decoded as the API's clients do, integers as integers.
	Object json.RawMessage `json:"object"`
	// A Flux Kustomization, of `flux`.
	Kustomization json.RawMessage `json:"kustomization,omitempty"`
	// Lua, of the last three.
	Script string `json:"script,omitempty"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		answer, err := answered(lines.Bytes())
		if err != nil {
			answer = map[string]any{"error": err.Error()}
		}
		if err := answers.Encode(answer); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func answered(line []byte) (any, error) {
	var asked question
	if err := json.Unmarshal(line, &asked); err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(asked.Object); err != nil {
		return nil, err
	}
	switch asked.Ask {
	case "kstatus":
		return byKstatus(object)
	case "flux":
		return byFlux(object, asked.Kustomization)
	case "health":
		return health(object, asked.Script)
	case "discovery":
		return discovery(object, asked.Script)
	case "action":
		return action(object, asked.Script)
	}
	return nil, fmt.Errorf("there is no question %q", asked.Ask)
}

// By the library and by the copy of it that Flux and Helm keep: they must agree.
func byKstatus(object *unstructured.Unstructured) (any, error) {
	said, err := status.Compute(object)
	if err != nil {
		return nil, err
	}
	flux, err := fluxstatus.Compute(object)
	if err != nil {
		return nil, err
	}
	if said.Status.String() != flux.Status.String() {
		return nil, fmt.Errorf("kstatus says %s, Flux's copy of it %s", said.Status, flux.Status)
	}
	return map[string]string{"status": said.Status.String(), "message": said.Message}, nil
}

// What the Kustomization's first expressions for this kind say; it may have no field that Flux does not know.
func byFlux(object *unstructured.Unstructured, manifest []byte) (any, error) {
	var kustomization kustomizev1.Kustomization
	wrong, err := kjson.UnmarshalStrict(manifest, &kustomization)
	if err != nil {
		return nil, err
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("the Kustomization: %v", wrong)
	}
	for _, check := range kustomization.Spec.HealthCheckExprs {
		if check.APIVersion != object.GetAPIVersion() || check.Kind != object.GetKind() {
			continue
		}
		evaluator, err := cel.NewStatusEvaluator(&check.HealthCheckExpressions)
		if err != nil {
			return nil, err
		}
		said, err := evaluator.Evaluate(context.Background(), object)
		if err != nil {
			return nil, err
		}
		return map[string]string{"status": said.Status.String()}, nil
	}
	return byKstatus(object)
}
