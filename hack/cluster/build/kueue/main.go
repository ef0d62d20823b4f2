// Kueue's own controllers for batch/v1 Jobs and its scheduler, without webhooks and integrations.
//
// The stock one also links every framework that it can queue, and does not start without
// certificates that a cluster mounts for it.
package main

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	utilfeature "k8s.io/apiserver/pkg/util/feature"
	config "sigs.k8s.io/kueue/apis/config/v1beta2"
	kueuealpha "sigs.k8s.io/kueue/apis/kueue/v1alpha1"
	kueue "sigs.k8s.io/kueue/apis/kueue/v1beta2"
	qcache "sigs.k8s.io/kueue/pkg/cache/queue"
	schdcache "sigs.k8s.io/kueue/pkg/cache/scheduler"
	"sigs.k8s.io/kueue/pkg/constants"
	"sigs.k8s.io/kueue/pkg/controller/core"
	"sigs.k8s.io/kueue/pkg/controller/core/indexer"
	"sigs.k8s.io/kueue/pkg/controller/jobframework"
	"sigs.k8s.io/kueue/pkg/controller/jobs/job"
	"sigs.k8s.io/kueue/pkg/features"
	"sigs.k8s.io/kueue/pkg/scheduler"
)

func main() {
	ctrl.SetLogger(zap.New())
	must(utilfeature.DefaultMutableFeatureGate.SetFromMap(map[string]bool{
		string(features.TopologyAwareScheduling): false,
		string(features.MultiKueue):              false,
	}))
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, kueue.AddToScheme, kueuealpha.AddToScheme, config.AddToScheme,
	} {
		must(add(scheme))
	}
	ctx := ctrl.SetupSignalHandler()
	mgr, err := ctrl.NewManager(ctrl.GetConfigOrDie(), ctrl.Options{
		Scheme:  scheme,
		Metrics: metricsserver.Options{BindAddress: "0"},
	})
	must(err)
	must(setup(ctx, mgr))
	must(mgr.Start(ctx))
}

func setup(ctx context.Context, mgr ctrl.Manager) error {
	cfg := &config.Configuration{}
	mgr.GetScheme().Default(cfg)
	cache := schdcache.New(mgr.GetClient())
	requeuer := qcache.NewRequeuer(qcache.RequeueBatchPeriodProd)
	if err := mgr.Add(requeuer); err != nil {
		return err
	}
	queues := qcache.NewManager(mgr.GetClient(), cache, requeuer)
	if err := indexer.Setup(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	if _, err := core.SetupControllers(mgr, queues, cache, cfg, nil); err != nil {
		return err
	}
	if err := jobs(ctx, mgr, cache, queues); err != nil {
		return err
	}
	go queues.CleanUpOnContext(ctx)
	go cache.CleanUpOnContext(ctx)
	events := mgr.GetEventRecorderFor(constants.AdmissionName)
	return mgr.Add(scheduler.New(queues, cache, mgr.GetClient(), events))
}

func jobs(ctx context.Context, mgr ctrl.Manager, cache *schdcache.Cache, queues *qcache.Manager) error {
	if err := job.SetupIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	events := mgr.GetEventRecorderFor(constants.JobControllerName)
	reconciler, err := job.NewReconciler(
		ctx, mgr.GetClient(), mgr.GetFieldIndexer(), events,
		jobframework.WithCache(cache), jobframework.WithQueues(queues),
	)
	if err != nil {
		return err
	}
	jobframework.EnableIntegration(job.FrameworkName)
	return reconciler.SetupWithManager(mgr)
}

func must(err error) {
	if err != nil {
		ctrl.Log.Error(err, "Kueue cannot start")
		panic(err)
	}
}
