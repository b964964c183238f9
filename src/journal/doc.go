// Package journal writes the log: short lines on standard error, and to the system's log socket with true syslog levels.
//
// The configuration's levels are syslog's, of which logrus lacks notice. They map onto logrus' own, one step down:
//
//	error   logrus.ErrorLevel   syslog 3
//	warn    logrus.WarnLevel    syslog 4
//	notice  logrus.InfoLevel    syslog 5   changes of state, reloads
//	info    logrus.DebugLevel   syslog 6   passes that changed something
//	debug   logrus.TraceLevel   syslog 7   each probe and event
package journal
