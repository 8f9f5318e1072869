/// What one who asks may cost.
package struct MonitorLimits: Sendable {
    /// A connection beyond is closed at once.
    package var connectionsMax = 64
    /// Questions that wait for the server at a time, those included that nobody waits for any more.
    package var pendingMax = 32
    /// Bytes of one request, its body included.
    package var requestBytesMax = 16 << 10
    /// From a request's first byte to its last.
    package var requestTime = Duration.seconds(5)
    /// Until an answer has left.
    package var answerTime = Duration.seconds(10)
    /// Between requests; a scraper that asks less often connects anew.
    package var idleTime = Duration.seconds(90)
    /// How long accepting rests when the process has no file descriptor left.
    package var acceptPause = Duration.milliseconds(500)

    package init() {}
}
