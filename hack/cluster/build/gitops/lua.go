package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
)

// Argo CD gives a script the object as `obj`, the base and table libraries, and of `os` what tells the time:
// no string library, no files. It also gives it one second, which on a busy machine would judge the machine.
func ran(object *unstructured.Unstructured, script string) (lua.LValue, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable,
	} {
		call := lua.P{Fn: state.NewFunction(open), Protect: true}
		if err := state.CallByParam(call, lua.LString(name)); err != nil {
			return nil, err
		}
	}
	state.PreloadModule(lua.OsLibName, func(inside *lua.LState) int {
		inside.Push(inside.SetFuncs(inside.NewTable(), map[string]lua.LGFunction{
			"time": func(inside *lua.LState) int {
				inside.Push(lua.LNumber(time.Now().Unix()))
				return 1
			},
		}))
		return 1
	})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	state.SetContext(ctx)
	state.SetGlobal("obj", toLua(state, object.Object))
	if err := state.DoString(script); err != nil {
		return nil, err
	}
	return state.Get(-1), nil
}

// As layeh.com/gopher-json does it, and for the integers of the API's objects.
func toLua(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case int64:
		return lua.LNumber(value)
	case []any:
		list := state.CreateTable(len(value), 0)
		for _, item := range value {
			list.Append(toLua(state, item))
		}
		return list
	case map[string]any:
		table := state.CreateTable(0, len(value))
		for key, item := range value {
			table.RawSetH(lua.LString(key), toLua(state, item))
		}
		return table
	}
	return luajson.DecodeValue(state, value)
}

func health(object *unstructured.Unstructured, script string) (any, error) {
	said, err := ran(object, script)
	if err != nil {
		return nil, err
	}
	return fromLua(said)
}

// An action without anything to say of it is an empty table, and Lua's empty table is JSON's empty list.
func discovery(object *unstructured.Unstructured, script string) (any, error) {
	said, err := ran(object, script)
	if err != nil {
		return nil, err
	}
	return fromLua(said)
}

// The merge patch that Argo CD sends for what the script made of the object.
func action(object *unstructured.Unstructured, script string) (any, error) {
	said, err := ran(object, script)
	if err != nil {
		return nil, err
	}
	made, err := fromLua(said)
	if err != nil {
		return nil, err
	}
	before, err := json.Marshal(object.Object)
	if err != nil {
		return nil, err
	}
	after, err := json.Marshal(cleaned(made, object.Object))
	if err != nil {
		return nil, err
	}
	patch, err := jsonpatch.CreateMergePatch(before, after)
	if err != nil {
		return nil, err
	}
	return map[string]json.RawMessage{"patch": patch}, nil
}

func fromLua(value lua.LValue) (any, error) {
	if value.Type() != lua.LTTable {
		return nil, fmt.Errorf("the script must return a table, not %s", value.Type())
	}
	text, err := luajson.Encode(value)
	if err != nil {
		return nil, err
	}
	var found any
	return found, json.Unmarshal(text, &found)
}

// Argo CD makes an empty list an empty map again where it was one.
func cleaned(made, was any) any {
	switch made := made.(type) {
	case map[string]any:
		if was, ok := was.(map[string]any); ok {
			for key, item := range made {
				made[key] = cleaned(item, was[key])
			}
		}
	case []any:
		switch was := was.(type) {
		case map[string]any:
			if len(made) == 0 {
				return was
			}
		case []any:
			for i, item := range made {
				if i < len(was) {
					made[i] = cleaned(item, was[i])
				}
			}
		}
	}
	return made
}
