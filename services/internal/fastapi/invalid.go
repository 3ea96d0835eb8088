package fastapi

import (
	"encoding/json"
	"errors"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// Invalid is one thing that is wrong with a request, in the shape of FastAPI
// (https://fastapi.tiangolo.com) and pydantic:
//
//	{"type":"missing","loc":["body","text"],"msg":"Field required","input":{"user_id":"bob"}}
type Invalid struct {
	Type  string         `json:"type" doc:"Kind of the error, one of pydantic's." example:"missing"`
	Loc   []any          `json:"loc" doc:"Where it is: body, path or query, then names and indexes." example:"[\"body\",\"text\"]"`
	Msg   string         `json:"msg" example:"Field required"`
	Input any            `json:"input" doc:"What was found there."`
	Ctx   map[string]any `json:"ctx,omitempty"`
}

// Error lets a resolver of Huma return an Invalid.
func (i *Invalid) Error() string { return i.Msg }

// ErrorDetail implements huma.ErrorDetailer.
func (i *Invalid) ErrorDetail() *huma.ErrorDetail {
	return &huma.ErrorDetail{Message: i.Msg, Value: i}
}

// missingBody is FastAPI's error for a request without a body.
func missingBody() Invalid {
	return Invalid{Type: "missing", Loc: []any{"body"}, Msg: "Field required"}
}

// ParseInteger reads the value of a required parameter, which must be an integer from
// low to high. in is the place of the parameter, such as "query". The errors are 422
// answers in FastAPI's words.
func ParseInteger(in, name, value string, low, high int64) (int64, error) {
	invalid := Invalid{Loc: []any{in, name}, Input: value}
	n, err := strconv.ParseInt(value, 10, 64)
	switch {
	case value == "":
		invalid.Input = nil
		return 0, unprocessable(invalid.worded("missing", "Field required"))
	case err != nil && !errors.Is(err, strconv.ErrRange):
		return 0, unprocessable(invalid.worded(integerProblem(value)))
	case n < low:
		return 0, unprocessable(invalid.outOfRange("number >=", json.Number(strconv.FormatInt(low, 10))))
	case n > high || err != nil:
		return 0, unprocessable(invalid.outOfRange("number <=", json.Number(strconv.FormatInt(high, 10))))
	}
	return n, nil
}
