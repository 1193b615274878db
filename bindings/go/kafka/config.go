//go:build cgo

package kafka

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"
)

// ConfigValue is a string, bool, int, fmt.Stringer, or a ConfigMap for default.topic.config.
type ConfigValue interface{}

// ConfigMap holds the settings of a client: those of librdkafka, and go.* for this package (see the README).
type ConfigMap map[string]ConfigValue

const topicPrefix = "{topic}."

// SetKey sets a key. "{topic}.x" sets x in the nested map default.topic.config.
func (m ConfigMap) SetKey(key string, value ConfigValue) error {
	name, isTopic := strings.CutPrefix(key, topicPrefix)
	if !isTopic {
		m[key] = value
		return nil
	}
	nested, found := m["default.topic.config"]
	if !found {
		nested = ConfigMap{}
		m["default.topic.config"] = nested
	}
	topics, ok := nested.(ConfigMap)
	if !ok {
		return wrongType("default.topic.config", "ConfigMap", nested)
	}
	topics[name] = value
	return nil
}

// Set sets a key from "key=value", as on a command line. It makes ConfigMap a flag.Value.
func (m ConfigMap) Set(kv string) error {
	key, value, found := strings.Cut(kv, "=")
	if !found {
		return NewError(ErrInvalidArg, "Expected key=value", false)
	}
	return m.SetKey(key, value)
}

// Get is the value of a key, or the default. The value must have the type of the default, unless that is nil.
func (m ConfigMap) Get(key string, defval ConfigValue) (ConfigValue, error) {
	if name, isTopic := strings.CutPrefix(key, topicPrefix); isTopic {
		nested, _ := m["default.topic.config"].(ConfigMap)
		return nested.get(name, defval)
	}
	return m.get(key, defval)
}

func (m ConfigMap) get(key string, defval ConfigValue) (ConfigValue, error) {
	value, found := m[key]
	if !found {
		return defval, nil
	}
	if defval != nil && reflect.TypeOf(value) != reflect.TypeOf(defval) {
		return nil, wrongType(key, fmt.Sprintf("%T", defval), value)
	}
	return value, nil
}

func (m ConfigMap) clone() ConfigMap {
	clone := make(ConfigMap, len(m))
	for key, value := range m {
		clone[key] = value
	}
	return clone
}

// has says whether a key is there and not empty.
func (m ConfigMap) has(key string) bool { return m[key] != nil && !m.is(key, "") }

// is says whether a key has this value.
func (m ConfigMap) is(key, text string) bool {
	value, err := valueText(key, m[key])
	return err == nil && value == text
}

func wrongType(key, expected string, value ConfigValue) Error {
	return NewError(ErrInvalidArg, fmt.Sprintf("%s expects type %s, not %T", key, expected, value), false)
}

// extract takes a key out of a map.
func extract[T any](m ConfigMap, key string, defval T) (T, error) {
	value, found := m[key]
	if !found {
		return defval, nil
	}
	delete(m, key)
	typed, ok := value.(T)
	if !ok {
		return defval, wrongType(key, fmt.Sprintf("%T", defval), value)
	}
	return typed, nil
}

// logSettings are the keys that say where log lines go.
type logSettings struct {
	enabled bool
	channel chan LogEvent
	logger  *slog.Logger
}

func extractLogs(m ConfigMap) (s logSettings, err error) {
	if s.enabled, err = extract(m, "go.logs.channel.enable", false); err != nil {
		return s, err
	}
	if s.channel, err = extract[chan LogEvent](m, "go.logs.channel", nil); err != nil {
		return s, err
	}
	s.logger, err = extract[*slog.Logger](m, "go.logs.slog", nil)
	return s, err
}

// valueText is the text of a value for the core.
func valueText(key string, value ConfigValue) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case bool:
		return fmt.Sprint(v), nil
	case int:
		return fmt.Sprint(v), nil
	case ConfigMap:
		return "", NewError(ErrInvalidArg, "Invalid type for key "+key, false)
	case fmt.Stringer:
		return v.String(), nil
	}
	return "", NewError(ErrInvalidArg, fmt.Sprintf("Invalid value type %T for key %s (expected string,bool,int,ConfigMap)",
		value, key), false)
}

// toCore makes the core's configuration of what is left in the map.
func (m ConfigMap) toCore(kind uint32) (coreConf, error) {
	conf, err := newCoreConf(kind)
	if err != nil {
		return conf, err
	}
	if err := m.applyTo(conf, kind); err != nil {
		conf.free()
		return conf, err
	}
	return conf, nil
}

func (m ConfigMap) applyTo(conf coreConf, kind uint32) error {
	// Plugins may add keys.
	if value, found := m["plugin.library.paths"]; found {
		if err := setKey(conf, kind, "plugin.library.paths", value); err != nil {
			return err
		}
	}
	for key, value := range m {
		if key == "plugin.library.paths" {
			continue
		}
		if err := setKey(conf, kind, key, value); err != nil {
			return err
		}
	}
	return nil
}

func setKey(conf coreConf, kind uint32, key string, value ConfigValue) error {
	if nested, ok := value.(ConfigMap); ok && key == "default.topic.config" {
		for key, value := range nested {
			text, err := valueText(key, value)
			if err == nil {
				err = explain(key, text, conf.setDefaultTopic(key, text))
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	text, err := valueText(key, value)
	if err != nil {
		return err
	}
	if strings.HasPrefix(key, "client.software.") {
		// The core says itself who it is.
		return nil
	}
	err = conf.set(key, text)
	if err == nil || isKeyOfOtherKind(kind, key, text) {
		// librdkafka takes the keys of consumers for a producer, too, and ignores them.
		return nil
	}
	return explain(key, text, err)
}

// isKeyOfOtherKind says that the setting would be right for the other kind of client. Programs share a map between both.
func isKeyOfOtherKind(kind uint32, key, value string) bool {
	if strings.HasPrefix(key, "go.") {
		return false
	}
	other := uint32(kindProducer + kindConsumer - kind)
	conf, err := newCoreConf(other)
	if err != nil {
		return false
	}
	defer conf.free()
	return conf.set(key, value) == nil
}

// explain begins with the text that the original client has, and goes on with what the core knows better.
func explain(key, value string, err error) error {
	failed, ok := err.(Error)
	if !ok {
		return err
	}
	if _, native, found := strings.Cut(failed.str, "; librdkafka: "); found {
		failed.str = native
	} else if _, hint, found := strings.Cut(failed.str, ": no such key"); found {
		failed.str = fmt.Sprintf("No such configuration property: %q", key) + hint
	} else if _, expected, found := strings.Cut(failed.str, ": expected "); found && strings.HasPrefix(expected, "only on a ") {
		failed.str = fmt.Sprintf("No such configuration property: %q, but %s", key, expected)
	} else if found && !strings.Contains(failed.str, " = [redacted]: ") {
		failed.str = fmt.Sprintf("Invalid value for configuration property %q: %q, expected %s", key, value, expected)
	}
	return failed
}
