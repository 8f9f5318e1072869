import MetricsFormat
import NIOHTTP1

/// What goes back to whoever asked.
struct MonitorAnswer: Hashable, Sendable {
    var status: HTTPResponseStatus
    var body: String
    var contentType = "text/plain; charset=utf-8"

    static let notFound = Self(
        status: .notFound, body: "not found: this port has /healthz, /readyz and /metrics\n")
    static let methodNotAllowed = Self(
        status: .methodNotAllowed, body: "only GET and HEAD are allowed here\n")
    static let bodyTooLarge = Self(status: .payloadTooLarge, body: "requests have no body here\n")
    static let busy = Self(
        status: .serviceUnavailable, body: "too many requests wait for an answer already\n")

    static func late(_ page: MonitorPage) -> Self {
        Self(
            status: .serviceUnavailable,
            body: "the server has not answered for \(page.patience): a loop that carries messages "
                + "is stuck or overloaded\n")
    }

    static func answer(to page: MonitorPage, by source: some MonitorSource) async -> Self {
        switch page {
        case .health:
            await source.turned()
            return Self(status: .ok, body: "ok\n")
        case .readiness:
            switch await source.readiness() {
            case .ready(let what): return Self(status: .ok, body: "ready: \(what)\n")
            case .notReady(let why):
                return Self(status: .serviceUnavailable, body: "not ready: \(why)\n")
            }
        case .metrics:
            var page = await source.metrics()
            page.append(ProcessFigures.page())
            return Self(
                status: .ok, body: ExpositionText.encode(page),
                contentType: ExpositionText.contentType)
        }
    }
}
