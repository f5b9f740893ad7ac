"""Objects to rows, trees and sentences; pure, shared by all faces."""
