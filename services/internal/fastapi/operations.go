package fastapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// Operation describes an operation under one tag, with the statuses of its
// errors, for Register.
func (a *API) Operation(id, method, path, tag, summary string, errorStatuses ...int) huma.Operation {
	return huma.Operation{
		OperationID: id,
		Method:      method,
		Path:        path,
		Tags:        []string{tag},
		Summary:     summary,
		Responses:   Responses(a, errorStatuses...),
	}
}

// Responses documents the error statuses of an operation. The bodies are
// Problem, or ValidationProblem for 422.
func Responses(api huma.API, statuses ...int) map[string]*huma.Response {
	registry := api.OpenAPI().Components.Schemas
	responses := map[string]*huma.Response{}
	for _, status := range statuses {
		schema := registry.Schema(reflect.TypeFor[Problem](), true, "")
		if status == http.StatusUnprocessableEntity {
			schema = registry.Schema(reflect.TypeFor[ValidationProblem](), true, "")
		}
		responses[strconv.Itoa(status)] = &huma.Response{
			Description: http.StatusText(status),
			Content:     map[string]*huma.MediaType{"application/json": {Schema: schema}},
		}
	}
	return responses
}

// Register adds an operation to the API and its description. The handler answers
// the errors that the operation documents by returning an *Error. Any other error
// is logged and answered with a 500 that does not repeat it.
func Register[I, O any](a *API, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = a.opts.Config.MaxBodyBytes
	}
	op.Metadata = map[string]any{fieldOrderKey: fieldOrder(reflect.TypeFor[I]())}
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	op.Middlewares = append(slices.Clone(op.Middlewares), a.admitBody)
	huma.Register(&boundedAPI{API: a.API}, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		var known huma.StatusError
		if err != nil && !errors.As(err, &known) {
			a.opts.Logger.ErrorContext(ctx, "answering a request failed", "operation", op.OperationID, "error", err)
			return nil, NewError(http.StatusInternalServerError, "Internal Server Error")
		}
		return out, err
	})
	// Huma adds an error of its own shape to an operation that documents none.
	delete(op.Responses, "default")
	for _, name := range []string{"ErrorModel", "ErrorDetail"} {
		delete(a.OpenAPI().Components.Schemas.Map(), name)
	}
}

// boundedAPI is Huma's API for one operation, with a decoder for its body whose cost
// is bounded.
type boundedAPI struct {
	huma.API
	body *huma.Schema // nil if the operation has none
}

// DocumentOperation implements huma.OperationDocumenter. It is called when all
// schemas of the operation are known.
func (b *boundedAPI) DocumentOperation(op *huma.Operation) {
	if op.RequestBody != nil && op.RequestBody.Content["application/json"] != nil {
		b.body = op.RequestBody.Content["application/json"].Schema
	}
	if !op.Hidden {
		b.OpenAPI().AddOperation(op)
	}
}

// Unmarshal decodes a body, either into the type of the operation or into a tree for
// Huma's validation. The body is JSON, see admit.
func (b *boundedAPI) Unmarshal(_ string, data []byte, v any) error {
	if tooDeep(data) {
		return fmt.Errorf("the body is nested deeper than %d levels", maxDepth)
	}
	tree, ok := v.(*any)
	if !ok || b.body == nil {
		return unmarshal(data, v)
	}
	var err error
	*tree, err = decodeKnown(data, b.body, b.OpenAPI().Components.Schemas)
	return err
}
